"""The faults: each does its worst to a lane, mends it again, and says what it measured.

A fault leaves an ingestor running. Recovery counts from the end of the cause (the database is back,
the process is started again, the link is healed) to events of both streams being acknowledged
again, and to something being merged again; noticing counts from the beginning of a silence to the
last of the ingestor's new connections.
"""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import psutil  # type: ignore[import-untyped]
from psycopg2.extensions import connection

from e2e.processes import Running
from faults.checker import Violation
from faults.lane import (
    OPTIONS,
    BrokenPromiseError,
    DidNotComeAboutError,
    Lane,
    demand,
    require,
)
from faults.points import Order
from faults.proxy import Link
from publisher import SIMULATED
from waits import wait_for

KILLED = -signal.SIGKILL
TERMINATED = -signal.SIGTERM
POINT_SECONDS = 60.0
TRIES = 3
NOTICE_SECONDS = 15.0
MEMORY_KILOBYTES = 256 * 1024

INGESTOR = (
    "ingestor claim",
    "ingestor diagnose",
    "ingestor merge claim",
    "ingestor merge diagnose",
)


@dataclass(frozen=True)
class Measured:
    """What a fault measured, in seconds, where it did."""

    recovery: float | None = None
    merged: float | None = None
    noticed: float | None = None


Do = Callable[[Lane], Measured]


@dataclass(frozen=True)
class Fault:
    """A fault, and how often it comes among others; 0 is only where it is asked for by its name."""

    do: Do
    weight: int
    is_slow: bool


FAULTS: dict[str, Fault] = {}


def fault(name: str, weight: int, *, is_slow: bool = False) -> Callable[[Do], Do]:
    """Registers a fault; a slow one is left to the long run."""

    def register(do: Do) -> Do:
        FAULTS[name] = Fault(do, weight, is_slow)
        return do

    return register


def plan(count: int, seed: str) -> list[str]:
    """So many faults in an order that the seed decides; each once, where there is room for that."""
    rng = Random(seed)
    names = [name for name, fault in FAULTS.items() if fault.weight]
    rng.shuffle(names)
    weights = [FAULTS[name].weight for name in names]
    more = rng.choices(names, weights, k=max(0, count - len(names)))
    planned = names[:count] + more
    rng.shuffle(planned)
    return planned


def suffer(lane: Lane, name: str) -> Measured:
    """Does a fault to a lane, and checks what must hold after it.

    Where it did not come about, the lane is put in order, is checked, and it is tried again.
    """
    for _ in range(TRIES):
        lane.flow()
        measured = attempt(lane, name)
        lane.settle()
        lane.check()
        if measured is not None:
            return measured
    raise BrokenPromiseError([Violation("harness", f"it did not come about in {TRIES} tries")])


def attempt(lane: Lane, name: str) -> Measured | None:
    """Does a fault; None where it did not come about."""
    try:
        return FAULTS[name].do(lane)
    except DidNotComeAboutError as error:
        lane.note = f"{lane.note}: {error}"
        lane.mend()
        return None


def recovered(lane: Lane, since: float, after: float | None = None) -> Measured:
    """Waits until all goes on as before."""
    return Measured(lane.acknowledged(since), lane.merged(since), noticed=after)


def both_sides(*names: str) -> list[str]:
    return [f"{side} {name}" for name in names for side in ("before", "after")]


# The ingestor is killed.

APPEND_POINTS = both_sides("staging/append", "append claim", "append diagnose")
ACKNOWLEDGE_POINTS = both_sides("acknowledge claim", "acknowledge diagnose")
MERGE_POINTS = both_sides(
    "merge/lock_cursor",
    "merge/next_behind",
    "merge/next_sweep",
    "merge/next_ahead",
    "merge/settle_cursor",
    "merge/open_run",
    "merge/merge_rows/050_mark_windows claim",
    "merge/merge_rows/050_mark_windows diagnose",
    "merge/close_run",
    "merge/count_batch",
    "merge/move_cursor",
    "COMMIT ingestor merge claim",
    "COMMIT ingestor merge diagnose",
)


def kill_ingestor_at(lane: Lane, points: list[str]) -> Measured:
    arm(lane, points, signal.SIGKILL)
    require(lane.ended(lane.ingestor, POINT_SECONDS) == KILLED, "it never came there")
    return recovered(lane, lane.restart_ingestor())


def arm(lane: Lane, points: list[str], signal_number: int, occurrences: int = 3) -> None:
    order = Order(lane.rng.choice(points), lane.rng.randint(1, occurrences), signal_number)
    lane.note = f"{order.point}, occurrence {order.occurrence}"
    lane.fuse.arm(order)


@fault("ingestor killed while it appends", 14)
def kill_in_append(lane: Lane) -> Measured:
    return kill_ingestor_at(lane, APPEND_POINTS)


@fault("ingestor killed while it acknowledges", 8)
def kill_in_acknowledge(lane: Lane) -> Measured:
    return kill_ingestor_at(lane, ACKNOWLEDGE_POINTS)


@fault("merger killed mid-transaction", 16)
def kill_in_merge(lane: Lane) -> Measured:
    return kill_ingestor_at(lane, MERGE_POINTS)


@fault("ingestor killed while it starts", 5)
def kill_at_start(lane: Lane) -> Measured:
    kill(lane.ingestor)
    arm(lane, both_sides("merge/lock_cursor", "COMMIT ingestor merge claim"), signal.SIGKILL)
    starting = lane.start_ingestor()
    require(lane.ended(starting, POINT_SECONDS) == KILLED, "it never came there")
    return recovered(lane, lane.restart_ingestor())


@fault("ingestor killed at any time", 10)
def kill_at_any_time(lane: Lane) -> Measured:
    time.sleep(lane.rng.uniform(0, 0.4))
    kill(lane.ingestor)
    return recovered(lane, lane.restart_ingestor())


def kill(running: Running) -> None:
    running.process.kill()
    running.process.wait()


# Analytics is killed.

ANALYTICS_POINTS = both_sides(
    "revenue/lock_cursors",
    "revenue/open_run",
    "revenue/compute_candidate",
    "revenue/clear_empty_windows",
    "revenue/candidate_windows",
    "revenue/publish",
    "revenue/close_run",
    "quality/record_check",
    "COMMIT analytics",
)


@fault("analytics killed mid-transaction", 2, is_slow=True)
def kill_analytics(lane: Lane) -> Measured:
    order = Order(lane.rng.choice(ANALYTICS_POINTS), lane.rng.randint(1, 2))
    lane.note = f"{order.point}, occurrence {order.occurrence}"
    lane.analytics_fuse.arm(order)
    analytics = lane.running_analytics()
    require(lane.ended(analytics, 2 * POINT_SECONDS) == KILLED, "it never came there")
    lane.restart_analytics()
    return Measured()


@fault("analytics killed at any time", 1, is_slow=True)
def kill_analytics_at_any_time(lane: Lane) -> Measured:
    time.sleep(lane.rng.uniform(0, 3))
    kill(lane.running_analytics())
    lane.restart_analytics()
    return Measured()


# PostgreSQL is stopped, killed, or ends connections.


@fault("PostgreSQL stopped at once and started", 5)
def stop_postgres(lane: Lane) -> Measured:
    lane.server.stop("immediate")
    time.sleep(lane.rng.choice((0, 0.5, 2)))
    return after_start(lane)


@fault("PostgreSQL away for two minutes", 0, is_slow=True)
def stop_postgres_for_long(lane: Lane) -> Measured:
    lane.server.stop("immediate")
    time.sleep(120)
    # One that only begins meanwhile gives up after a minute; Docker, too, starts it again.
    if lane.running_analytics().process.poll() is not None:
        lane.restart_analytics()
    return after_start(lane)


@fault("PostgreSQL restarted in good order", 2)
def restart_postgres(lane: Lane) -> Measured:
    lane.server.stop("fast")
    return after_start(lane)


@fault("postmaster killed", 3)
def kill_postmaster(lane: Lane) -> Measured:
    lane.server.kill_postmaster()
    return after_start(lane)


def after_start(lane: Lane) -> Measured:
    lane.server.start()
    return recovered(lane, time.monotonic())


@fault("backend killed, PostgreSQL recovers", 3)
def kill_backend(lane: Lane) -> Measured:
    pid = lane.rng.choice(backends(lane))
    lane.server.kill_a_backend(pid)
    wait_for(lambda: not psutil.pid_exists(pid))
    demand(wait_for(lane.is_true("SELECT true")), "harness", "PostgreSQL did not come back")
    return recovered(lane, time.monotonic())


def backends(lane: Lane) -> list[int]:
    """The server processes of the ingestor's connections.

    Behind a black hole, the one of a connection that was given up can be there as well.
    """

    def connected() -> list[int]:
        query = """
            SELECT DISTINCT ON (application_name) pid FROM pg_stat_activity
            WHERE application_name LIKE 'ingestor%'
            ORDER BY application_name, backend_start DESC
            """
        return [pid for (pid,) in lane.fetch(query)]

    require(wait_for(lambda: len(connected()) == len(INGESTOR)), "it is not connected")
    return connected()


@fault("one backend terminated", 6)
def terminate_one(lane: Lane) -> Measured:
    return terminate(lane, [lane.rng.choice(backends(lane))])


@fault("all backends terminated", 6)
def terminate_all(lane: Lane) -> Measured:
    query = """
        SELECT pid FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND application_name <> 'harness'
        """
    return terminate(lane, [pid for (pid,) in lane.fetch(query)])


@fault("merger's backend terminated mid-transaction", 5)
def terminate_in_merge(lane: Lane) -> Measured:
    stop_at(lane, MERGE_POINTS)
    lane.execute("""
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE 'ingestor merge%'
        """)
    return go_on(lane)


def terminate(lane: Lane, pids: list[int]) -> Measured:
    lane.execute(f"SELECT pg_terminate_backend(pid) FROM unnest(ARRAY{pids}) AS pid")
    return recovered(lane, time.monotonic())


def stop_at(lane: Lane, points: list[str]) -> None:
    """The ingestor comes to a point and stops there, as it would on a machine that sleeps."""
    arm(lane, points, signal.SIGSTOP)
    require(wait_for(lambda: is_stopped(lane), POINT_SECONDS), "it never came there")


def is_stopped(lane: Lane) -> bool:
    status = psutil.Process(lane.ingestor.process.pid).status()
    return bool(status == psutil.STATUS_STOPPED)


def go_on(lane: Lane) -> Measured:
    lane.ingestor.process.send_signal(signal.SIGCONT)
    return recovered(lane, time.monotonic())


# The link breaks.


@fault("link cut", 7)
def cut(lane: Lane) -> Measured:
    since = time.monotonic()
    for link in lane.proxy.links("ingestor"):
        link.cut()
    return recovered(lane, since, noticed(lane, since))


@fault("COMMIT lost", 6)
def lose_commit(lane: Lane) -> Measured:
    return lose(lane, reply_only=False)


@fault("reply to COMMIT lost", 12)
def lose_commit_reply(lane: Lane) -> Measured:
    return lose(lane, reply_only=True)


def lose(lane: Lane, *, reply_only: bool) -> Measured:
    name = lane.rng.choice(INGESTOR)
    lane.note = name
    lost = lane.proxy.lose_commit(name, reply_only=reply_only)
    require(lost.wait(POINT_SECONDS), "there was no COMMIT")
    since = time.monotonic()
    return recovered(lane, since, noticed(lane, since, (name,)))


@fault("link slow", 2)
def delay(lane: Lane) -> Measured:
    since = time.monotonic()
    lane.proxy.delay_seconds = lane.rng.choice((0.05, 0.2, 0.4))
    time.sleep(2)
    lane.proxy.delay_seconds = 0.0
    healed = time.monotonic()
    measured = recovered(lane, healed)
    for name in INGESTOR:
        demand(lane.proxy.opened_after(name, since) is None, "link", "a slow link was given up")
    return measured


@fault("link half-open", 2)
def half_open(lane: Lane) -> Measured:
    return silence(lane, Link.half_open)


@fault("link a black hole", 1)
def black_hole(lane: Lane) -> Measured:
    return silence(lane, Link.black_hole)


@fault("link half-open mid-merge", 1)
def half_open_in_merge(lane: Lane) -> Measured:
    return silence_in_merge(lane, Link.half_open)


@fault("link a black hole mid-merge", 1, is_slow=True)
def black_hole_in_merge(lane: Lane) -> Measured:
    return silence_in_merge(lane, Link.black_hole)


def silence(lane: Lane, how: Callable[[Link], None]) -> Measured:
    """The connections that are there fall silent; new ones work."""
    silent = lane.proxy.links("ingestor")
    since = time.monotonic()
    for link in silent:
        how(link)
    return after_silence(lane, silent, since, INGESTOR)


def silence_in_merge(lane: Lane, how: Callable[[Link], None]) -> Measured:
    """The merger's connection falls silent while it holds locks, which others wait for."""
    stop_at(lane, [point for point in MERGE_POINTS if point.startswith("after merge/")])
    silent = lane.proxy.links("ingestor merge")
    for link in silent:
        how(link)
    since = time.monotonic()
    lane.ingestor.process.send_signal(signal.SIGCONT)
    return after_silence(lane, silent, since, tuple(link.name for link in silent))


def after_silence(lane: Lane, silent: list[Link], since: float, names: tuple[str, ...]) -> Measured:
    after = noticed(lane, since, names)
    measured = recovered(lane, since + after, longest_wait(lane, silent, since))
    lane.settle()  # what the silent connections left behind on the server must not hold it up
    for link in silent:
        link.cut()
    return measured


def longest_wait(lane: Lane, silent: list[Link], since: float) -> float:
    """Seconds that a call on a silent connection waited, at most, until it was opened anew.

    The wait begins with the first use after the fault. Before it, nobody can notice the silence: a
    merger that waits for another one's locks does not use its connection.
    """
    opened = {link: lane.proxy.opened_after(link.name, since) for link in silent}
    # An earlier fault may have left a link behind; its wait begins with this fault.
    used = {link: max(since, link.lost_since or since) for link in silent}
    return max(at - used[link] for link, at in opened.items() if at is not None)


@fault("host away, nothing answers", 1, is_slow=True)
def dark(lane: Lane) -> Measured:
    lane.proxy.is_dark = True
    for link in lane.proxy.links():
        link.black_hole()
    time.sleep(lane.rng.uniform(1, 6))
    lane.proxy.is_dark = False
    return recovered(lane, time.monotonic())


def noticed(lane: Lane, since: float, names: tuple[str, ...] = INGESTOR) -> float:
    """Seconds until the last of these connections was opened anew."""

    def opened() -> list[float]:
        times = [lane.proxy.opened_after(name, since) for name in names]
        return [at for at in times if at is not None]

    demand(
        wait_for(lambda: len(opened()) == len(names), NOTICE_SECONDS),
        "link",
        f"a silent link was not noticed within {NOTICE_SECONDS:.0f} s",
    )
    return max(opened()) - since


# Two of everything.


@fault("two ingestors at once", 3)
def two_ingestors(lane: Lane) -> Measured:
    second = lane.start_ingestor()
    require(wait_for(lambda: "receiving" in second.err), "the second did not start")
    lane.feeder.publish(100)
    lane.flow()
    first, lane.ingestor = lane.ingestor, second
    if lane.rng.random() < 0.5:
        kill(first)
    else:
        first.process.send_signal(signal.SIGTERM)
        demand(lane.ended(first, 10) == 0, "drain", "SIGTERM did not end it with 0 in 10 s")
    return recovered(lane, time.monotonic())


@fault("two merges beside the ingestor", 1)
def two_merges(lane: Lane) -> Measured:
    both = [lane.start_office("merge", "--json") for _ in range(2)]
    lane.feeder.publish(100)
    for merge in both:
        demand(
            lane.ended(merge, 120) == 0, "merge", f"`office.py merge` failed: {merge.err[-300:]}"
        )
    return Measured()


@fault("two analytics beside the third", 1, is_slow=True)
def two_analytics(lane: Lane) -> Measured:
    both = [lane.start_office("analytics", "--json") for _ in range(2)]
    for run in both:
        code = lane.ended(run, 180)
        demand(code == 0, "analytics", f"`office.py analytics` ended with {code}: {run.err[-300:]}")
    return Measured()


# Writers meet.


@fault("lower number commits later", 6)
def late_commit(lane: Lane) -> Measured:
    """A writer takes its numbers, and commits when higher ones were merged long ago."""
    late = [(stream, lane.good_event(stream)) for stream in SIMULATED]
    with closing(lane.connect()) as writer:
        low = max(stage(writer, stream, payload) for stream, payload in late)
        merged = lane.is_true(f"SELECT max(seq) > {low + 10} FROM staging.outcome")
        demand(wait_for(merged, 10), "merge", "a writer that is open holds up the merge")
        for event in late:
            lane.ledger.publish(*event)
        writer.commit()
    for event in late:
        lane.ledger.acknowledge(*event)
    return Measured()


def stage(writer: connection, stream: str, payload: bytes) -> int:
    """Appends a good event as some other writer would; its number."""
    with writer.cursor() as cursor:
        cursor.execute(
            "INSERT INTO staging.event (stream, payload) VALUES (%s, %s) RETURNING seq",
            (stream, payload.decode()),
        )
        [(seq,)] = cursor.fetchall()
    return int(seq)


@fault("lock timeout", 2)
def lock_timeout(lane: Lane) -> Measured:
    lane.stop_ingestor()
    lane.restart_ingestor(**{OPTIONS: "-c lock_timeout=200ms"})
    lane.flow()
    with locked(lane, "staging.event", "staging.merge_cursor"):
        said = wait_for(lambda: "LockNotAvailable" in lane.ingestor.err)
        require(said, "there was no lock timeout")
    measured = recovered(lane, time.monotonic())
    lane.stop_ingestor()
    lane.restart_ingestor()
    return measured


@fault("statement cancelled", 3)
def cancel(lane: Lane) -> Measured:
    """What a statement timeout does, at a moment of our choice."""
    with locked(lane, "staging.event", "staging.merge_cursor"):
        # A stream that ended its batch before the lock waits for the other stream: try again soon.
        said = wait_for(lambda: len(blocked(lane, "ingestor%")) == len(INGESTOR), 10)
        require(said, "they did not wait")
        for pid in blocked(lane, "ingestor%"):
            lane.execute(f"SELECT pg_cancel_backend({pid})")
    return recovered(lane, time.monotonic())


@contextmanager
def locked(lane: Lane, *tables: str) -> Iterator[None]:
    """Nobody can write to these tables."""
    with closing(lane.connect()) as holder:
        with holder.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")
        yield
        holder.rollback()


def blocked(lane: Lane, connections: str) -> list[int]:
    """The server's processes that wait for a lock, of the connections of this name (LIKE)."""
    waiting = f"""
        SELECT pid FROM pg_stat_activity
        WHERE application_name LIKE '{connections}' AND wait_event_type = 'Lock'
        """
    return [pid for (pid,) in lane.fetch(waiting)]


@fault("deadlock", 2)
def deadlock(lane: Lane) -> Measured:
    """A writer of ours holds an id that the merge wants, and wants the cursor that it holds."""
    lane.settle()
    before = len(lane.ingestor.err)
    event = json.loads(lane.good_event("claim"))
    with closing(lane.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("SET deadlock_timeout = '1min'")
        cursor.execute(
            "INSERT INTO claim (id, code, price, patient_id, tsp) VALUES (%s, '1', 1, 1, now())",
            (event["id"],),
        )
        lane.broker.publish("claim", json.dumps(event).encode())
        require(wait_for(partial(blocked, lane, "ingestor merge%")), "the merge did not wait")
        cursor.execute("SELECT 1 FROM staging.merge_cursor FOR UPDATE")
        holder.rollback()
    said = wait_for(lambda: "DeadlockDetected" in lane.ingestor.err[before:])
    require(said, "there was no deadlock")
    lane.feeder.resume()
    return recovered(lane, time.monotonic())


# The disk is full.

RAISE_DISK_FULL = """
    CREATE FUNCTION pg_temp_disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END $$;
    CREATE TRIGGER disk_full BEFORE INSERT ON staging.event
    EXECUTE FUNCTION pg_temp_disk_full();
    """
RAISE_IT_NO_MORE = "DROP TRIGGER disk_full ON staging.event; DROP FUNCTION pg_temp_disk_full()"


@fault("disk full", 2)
def disk_full(lane: Lane) -> Measured:
    """A real file system without room; where none may be mounted, an error of its SQLSTATE."""
    before = len(lane.ingestor.err)
    fill = lane.disk.fill if lane.disk else lambda: lane.execute(RAISE_DISK_FULL)
    free = lane.disk.free if lane.disk else lambda: lane.execute(RAISE_IT_NO_MORE)
    lane.note = "a real file system" if lane.disk else "its SQLSTATE, raised"
    fill()
    try:
        said = wait_for(lambda: "DiskFull" in lane.ingestor.err[before:], POINT_SECONDS)
        require(said, "the disk did not get full")
    finally:
        free()
    return recovered(lane, time.monotonic())


# Signals.


@fault("SIGTERM", 4)
def sigterm(lane: Lane) -> Measured:
    lane.stop_ingestor()
    return recovered(lane, lane.restart_ingestor())


@fault("a second SIGTERM while it drains", 2)
def second_signal(lane: Lane) -> Measured:
    with locked(lane, "staging.event"):
        require(wait_for(partial(blocked, lane, "ingestor%")), "there was nothing to drain")
        lane.ingestor.process.send_signal(signal.SIGTERM)
        require(lane.ended(lane.ingestor, 0.5) is None, "it did not drain")
        lane.ingestor.process.send_signal(signal.SIGTERM)
        ended = lane.ended(lane.ingestor, 2)
        demand(ended == TERMINATED, "drain", f"the second signal did not end it: {ended}")
    return recovered(lane, lane.restart_ingestor())


@fault("SIGTERM while the database is away", 1, is_slow=True)
def sigterm_without_database(lane: Lane) -> Measured:
    lane.server.stop("immediate")
    lane.stop_ingestor()
    lane.server.start()
    return recovered(lane, lane.restart_ingestor())


@fault("SIGSTOP and SIGCONT", 2)
def sigstop(lane: Lane) -> Measured:
    lane.ingestor.process.send_signal(signal.SIGSTOP)
    time.sleep(lane.rng.uniform(1, 4))
    return go_on(lane)


@fault("SIGSTOP mid-merge and SIGCONT", 2)
def sigstop_in_merge(lane: Lane) -> Measured:
    stop_at(lane, MERGE_POINTS)
    time.sleep(lane.rng.uniform(1, 4))
    return go_on(lane)


# Starting at a bad time.


@fault("ingestor started while the database is down", 2)
def start_without_database(lane: Lane) -> Measured:
    kill(lane.ingestor)
    lane.server.stop("fast")
    lane.restart_ingestor()
    time.sleep(1)
    return started_in_the_end(lane)


@fault("ingestor started while the database starts", 2)
def start_beside_database(lane: Lane) -> Measured:
    kill(lane.ingestor)
    lane.server.stop("immediate")
    lane.restart_ingestor()
    return started_in_the_end(lane)


def started_in_the_end(lane: Lane) -> Measured:
    measured = after_start(lane)
    demand(lane.ingestor.process.poll() is None, "start", "it did not wait for the database")
    return measured


# Loading, and much at once.


@fault("history loaded twice", 1)
def load_twice(lane: Lane) -> Measured:
    lane.settle()
    before = clean_rows(lane)
    for stream in SIMULATED:
        history = history_of(lane, stream)
        for _ in range(2):
            load(lane, stream, history)
    lane.settle()
    demand(clean_rows(lane) == before, "I3", "loading history again has made clean rows")
    return Measured()


@fault("load killed", 2)
def kill_load(lane: Lane) -> Measured:
    stream = lane.rng.choice(SIMULATED)
    history = history_of(lane, stream)
    order = Order(lane.rng.choice(both_sides("COMMIT office load")), lane.rng.randint(1, 3))
    lane.note = f"{order.point}, occurrence {order.occurrence}"
    lane.office_fuse.arm(order)
    loading = start_load(lane, stream, history)
    require(lane.ended(loading, POINT_SECONDS) == KILLED, "it never came there")
    load(lane, stream, history)
    return Measured()


def clean_rows(lane: Lane) -> list[tuple[object, ...]]:
    return lane.fetch("SELECT (SELECT count(*) FROM claim), (SELECT count(*) FROM diagnose)")


def history_of(lane: Lane, stream: str) -> list[bytes]:
    """Some of the events that were acknowledged."""
    payloads = [payload for of, payload in lane.ledger.acknowledged() if of == stream]
    return payloads[-300:]


def load(lane: Lane, stream: str, payloads: list[bytes]) -> None:
    """Loads a file of events, which are staged when the command ends with 0."""
    for payload in payloads:
        lane.ledger.publish(stream, payload)
    loading = start_load(lane, stream, payloads)
    demand(lane.ended(loading, 120) == 0, "load", f"`office.py load` failed: {loading.err[-300:]}")
    for payload in payloads:
        lane.ledger.acknowledge(stream, payload)


def start_load(lane: Lane, stream: str, payloads: list[bytes]) -> Running:
    file = lane.folder / "history.jsonl"
    file.write_bytes(b"".join(payload + b"\n" for payload in payloads))
    return lane.start_office("load", str(file), "--stream", stream)


@fault("flood", 1)
def flood(lane: Lane) -> Measured:
    lane.feeder.publish(500)
    started = time.monotonic()
    lane.settle()
    used = peak_memory_kilobytes(lane.ingestor.process.pid)
    demand(used < MEMORY_KILOBYTES, "memory", f"the ingestor took {used} kB")
    return recovered(lane, started)


def peak_memory_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
