"""A lane: a server, a proxy, a broker and the office's processes, to which faults are done."""

import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psycopg2
from psycopg2.extensions import connection

from e2e.processes import Running
from faults.broker import Broker
from faults.checker import Checker, LogReader, Violation, difference_of_states
from faults.events import CANARY, Events, Feeder
from faults.launcher import BROKER, OPTIONS
from faults.ledger import Ledger
from faults.points import ARMED, Fuse
from faults.proxy import Proxy
from faults.server import Reader, Server, SmallDisk
from pipeline.core.database import Database
from pipeline.schema.migrate import apply_schema
from publisher import SIMULATED
from waits import wait_for

ROOT = Path(__file__).parents[2]
PUBLISH_SECONDS = 0.02
FLOW_SECONDS = 90.0
FIGURES_SECONDS = 180.0
# None while it runs.
STOPPED_BY_US = (None, 0, -signal.SIGKILL, -signal.SIGTERM)
REBUILD_SECONDS = 1800.0
REBUILD_BATCHES = (1, 7, 1000)
# A batch takes some milliseconds, and a long run has outcomes by the ten thousand.
MOST_BATCHES = 6_000
QUICK = {
    "OFFICE_MERGE_SECONDS": "0.2",
    "OFFICE_SWEEP_SECONDS": "1",
    "OFFICE_ANALYTICS_SECONDS": "8",
    "OFFICE_ANALYTICS_GRACE_SECONDS": "0",
    "OFFICE_STOP_AT_END_OF_INPUT": "1",
}
USUAL_PACE = {"OFFICE_ANALYTICS_SECONDS": "600"}


class BrokenPromiseError(Exception):
    """Something does not hold after a fault."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(map(str, violations[:5])))
        self.violations = violations


def demand(condition: object, invariant: str, what: str) -> None:
    if not condition:
        raise BrokenPromiseError([Violation(invariant, what)])


class DidNotComeAboutError(Exception):
    """A fault could not be done: what it needs was not there at that moment."""


def require(condition: object, what: str) -> None:
    if not condition:
        raise DidNotComeAboutError(what)


class Lane:
    """Everything that faults need, and what must hold after each of them."""

    def __init__(
        self,
        seed: str,
        *,
        port: int = 26000,
        analytics: bool = True,
        server: Server | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """Starts all of it; a server that is given comes with its data and what is known of it."""
        self.rng = Random(seed)
        self.folder = Path(tempfile.mkdtemp(prefix="office-lane-"))
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.server = server or Server(port)
        self._reader = Reader(self.url)
        self.disk: SmallDisk | None = None
        if server is None:
            self._prepare()
        self.proxy = Proxy(self.server.port)
        self.ledger = ledger or Ledger()
        self.broker = Broker(self.folder / "broker", self.ledger)
        self.feeder = Feeder(self.broker, Events(seed), every_seconds=PUBLISH_SECONDS)
        self.checker = Checker(self.url, self.ledger)
        self.log_reader = LogReader(self.logs, self.folder / "home", self.server.log)
        self.fuse = Fuse(self.folder / "ingestor.armed")
        self.analytics_fuse = Fuse(self.folder / "analytics.armed")
        self.office_fuse = Fuse(self.folder / "office.armed")
        self.note = ""
        self._own_numbers = itertools.count()
        self.survived = 0
        self._started: list[Running] = []
        self._ingestors: list[Running] = []
        self.missed = 0
        self._verdicts_read = 0
        self.verdicts: Counter[str] = Counter()
        self.ingestor = self.start_ingestor()
        self.analytics = self.start_analytics() if analytics else None
        # What is overdue it judges by the usual pace: here analytics is killed, and slow to start.
        self.verifier = self.start("faults.verifier", url=self.url, **USUAL_PACE)

    @property
    def url(self) -> str:
        """Past the proxy."""
        return self.server.url

    @property
    def proxied_url(self) -> str:
        return self.url.replace(f":{self.server.port}/", f":{self.proxy.port}/")

    def _prepare(self) -> None:
        with closing(Database(self.url)) as database:
            apply_schema(database)
        # Autovacuum comes when it is needed, and not up to a minute later.
        self.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'", "SELECT pg_reload_conf()")
        self.execute(f"UPDATE patient SET first_name = '{CANARY}', last_name = '{CANARY}'")
        self.disk = SmallDisk.mount(self.server.home / "disk", self.server.data)
        if self.disk is not None:
            self._move_tables_to(self.disk)

    def _move_tables_to(self, disk: SmallDisk) -> None:
        self.execute(f"CREATE TABLESPACE small LOCATION '{disk.folder}'")
        for (partition,) in self.fetch("SELECT partition_name FROM staging.day_partition"):
            self.execute(f"ALTER TABLE staging.{partition} SET TABLESPACE small")

    # Processes.

    def start(self, module: str, *arguments: str, url: str = "", **variables: str) -> Running:
        """Starts one of the harness's modules, which may be an entry point under its launcher."""
        number = len(self._started)
        running = Running(
            [sys.executable, "-m", module, *arguments],
            environment=self._environment() | {"DATABASE_URL": url or self.proxied_url} | variables,
            home=self.folder,
            output=self.logs / f"{number:05}-{'-'.join([module.split('.')[1], *arguments[:1]])}",
        )
        self._started.append(running)
        return running

    def start_ingestor(self, **variables: str) -> Running:
        started = self.start(
            "faults.launcher",
            "ingestor",
            **{BROKER: str(self.broker.path), ARMED: str(self.fuse.path), **variables},
        )
        self._ingestors.append(started)
        return started

    def mend(self) -> None:
        """Puts the lane in order, whatever a fault that did not come about has left."""
        self.missed += 1
        for fuse in (self.fuse, self.analytics_fuse, self.office_fuse):
            fuse.disarm()
        self.server.start()
        for running in self._ingestors:
            ended = running.process.poll()
            demand(ended in STOPPED_BY_US, "crash", f"an ingestor ended with {ended}")
            running.close()
        self.restart_ingestor()

    def start_analytics(self) -> Running:
        return self.start("faults.launcher", "analytics", **{ARMED: str(self.analytics_fuse.path)})

    def start_office(self, *arguments: str, **variables: str) -> Running:
        variables = {ARMED: str(self.office_fuse.path), **variables}
        return self.start("faults.launcher", "office", *arguments, **variables)

    def restart_ingestor(self, **variables: str) -> float:
        """Starts the ingestor, which has ended; when."""
        self.fuse.disarm()
        self.ingestor.close()
        self.ingestor = self.start_ingestor(**variables)
        return time.monotonic()

    def running_analytics(self) -> Running:
        """The analytics process, which is started where there is none yet."""
        if self.analytics is None:
            self.analytics = self.start_analytics()
        return self.analytics

    def restart_analytics(self) -> None:
        self.analytics_fuse.disarm()
        self.running_analytics().close()
        self.analytics = self.start_analytics()

    def stop_ingestor(self) -> None:
        """Drains and stops it."""
        self.ingestor.process.send_signal(signal.SIGTERM)
        demand(self.ended(self.ingestor, 10) == 0, "drain", "SIGTERM did not end it with 0 in 10 s")

    def ended(self, running: Running, seconds: float) -> int | None:
        """How a process ended, None where it has not in time."""
        wait_for(lambda: running.process.poll() is not None, seconds)
        return running.process.poll()

    def _environment(self) -> dict[str, str]:
        foreign = ("PG", "OFFICE_", "DATABASE_URL", "FAULT_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        paths = f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tests'}"
        return own | QUICK | {"PYTHONPATH": paths, "OFFICE_HOME": str(self.folder / "home")}

    # The database, past the proxy.

    def connect(self) -> connection:
        return psycopg2.connect(self.url, application_name="harness")

    def execute(self, *statements: str) -> None:
        """Each a transaction of its own."""
        for statement in statements:
            self._reader.rows(statement)

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        return self._reader.rows(query)

    def is_true(self, query: str) -> Callable[[], bool]:
        """A condition: the query says true; while the server is away, it does not hold."""

        def holds() -> bool:
            with suppress(psycopg2.Error):
                return bool(self.fetch(query)[0][0])
            return False

        return holds

    def good_event(self, stream: str) -> bytes:
        """An event with an id that no other has."""
        number = next(self._own_numbers)
        event = {"id": 10**12 + number, "patient_id": 1, "note": f"{CANARY} {number}"}
        more = {"code": "1", "price": 1} if stream == "claim" else {"icd10_code": "R41.3"}
        return json.dumps({**event, **more, "tsp": "2026-03-01T00:00:00Z"}).encode()

    # What is measured.

    def acknowledged(self, since: float) -> float:
        """Seconds from a moment until both streams were acknowledged something again."""
        times = [self.ledger.first_after(stream, since, FLOW_SECONDS) for stream in SIMULATED]
        known = [at for at in times if at is not None]
        demand(len(known) == len(times), "I1", f"nothing was acknowledged for {FLOW_SECONDS:.0f} s")
        return max(known) - since

    def merged(self, since: float) -> float:
        """Seconds from a moment until something was merged again.

        The server runs on the same machine, so its clock can be held against ours.
        """
        clock_of_start = time.time() - time.monotonic()
        first = f"""
            SELECT extract(epoch FROM min(finished_at)) FROM staging.merge_run
            WHERE finished_at > to_timestamp({clock_of_start + since})
            """
        found: list[float] = []

        def merged() -> bool:
            with suppress(psycopg2.Error):
                found[:] = [float(at) for (at,) in self.fetch(first) if at is not None]
            return bool(found)

        demand(wait_for(merged, FLOW_SECONDS), "I4", f"nothing was merged for {FLOW_SECONDS:.0f} s")
        return found[0] - clock_of_start - since

    def flow(self) -> None:
        """Events flow: both streams are acknowledged something from now on."""
        self.feeder.resume()
        self.acknowledged(time.monotonic())

    # What must hold.

    def settle(self) -> float:
        """Stops the input and waits until all of it has an outcome; how long that took."""
        started = time.monotonic()
        self.feeder.pause()
        # Behind a long outage it takes as long as it takes, as long as it goes on.
        unsettled = self.broker.unsettled()
        while unsettled and wait_for(partial(self._is_below, unsettled), FLOW_SECONDS):
            unsettled = self.broker.unsettled()
        demand(not unsettled, "I1", f"{unsettled} published events are not acknowledged")
        settled = wait_for(self._nothing_is_pending, FLOW_SECONDS)
        demand(settled, "I4", "raw rows stay pending though the input has stopped")
        return time.monotonic() - started

    def _is_below(self, unsettled: int) -> bool:
        return self.broker.unsettled() < unsettled

    def _nothing_is_pending(self) -> bool:
        with suppress(psycopg2.OperationalError):
            return self.checker.pending() == 0
        return False

    def check(self) -> None:
        """After each fault, at rest: what is new."""
        self._raise([*self.checker.check(is_at_rest=True), *self.log_reader.check()])
        self._read_verdicts()

    def check_everything(self) -> None:
        """All of it: every row, the figures, and that running again changes nothing."""
        self._raise(self.checker.check(is_at_rest=True, everything=True))
        self._wait_for_figures()
        self._raise(self.checker.check_figures())
        before = self.checker.state()
        again = self.start_office("merge")
        demand(self.ended(again, FIGURES_SECONDS) == 0, "I6", "`office.py merge` failed")
        self._wait_for_another_run()
        self._raise(difference_of_states(before, self.checker.state()))
        self._raise(self.log_reader.check())
        self._read_verdicts()

    def check_rebuild(self, *, most_batches: int = MOST_BATCHES) -> list[int]:
        """Rebuilds the clean layer, which has to come out the same; in which sizes of batches."""
        [(outcomes,)] = self.fetch("SELECT count(*) FROM staging.outcome")
        sizes = [size for size in REBUILD_BATCHES if outcomes / size <= most_batches]
        for batch_size in sizes:
            rebuilt = self.start_office("rebuild", "--batch-size", str(batch_size))
            same = self.ended(rebuilt, REBUILD_SECONDS) == 0
            demand(same, "rebuild", f"in batches of {batch_size}: {rebuilt.out}{rebuilt.err}")
        return sizes

    def _wait_for_another_run(self) -> None:
        """The analytics process begins and ends one more run."""
        [(last,)] = self.fetch("SELECT coalesce(max(quality_run_id), 0) FROM analytics.quality_run")
        ended = f"""
            SELECT count(*) > 0 FROM analytics.quality_run
            WHERE quality_run_id > {last} AND verdict <> 'running'
            """
        demand(wait_for(self.is_true(ended), FIGURES_SECONDS), "I6", "analytics does not run again")

    def _wait_for_figures(self) -> None:
        self.running_analytics()
        published = wait_for(
            self.is_true("SELECT count(*) = 0 FROM analytics.dirty_window"), FIGURES_SECONDS
        )
        said = self.running_analytics().err[-500:]
        demand(published, "I5", f"windows stay due though the input has stopped: {said}")

    def _read_verdicts(self) -> None:
        """What verify has said since the last look; none of it may be an alarm."""
        lines = self.verifier.out.splitlines(keepends=True)
        new = [line for line in lines[self._verdicts_read :] if line.endswith("\n")]
        self._verdicts_read += len(new)
        alarms = []
        for verdict in map(json.loads, new):
            kind = {None: "away", 0: "good"}.get(verdict["code"], "alarm")
            self.verdicts[kind] += 1
            alarms += [Violation("verify", f"cried wolf: {verdict}")] if kind == "alarm" else []
        alive = self.verifier.process.poll() is None
        demand(alive, "verify", f"the verifier ended: {self.verifier.err[-300:]}")
        self._raise(alarms)

    def _raise(self, violations: list[Violation]) -> None:
        if violations:
            raise BrokenPromiseError(violations)

    def close(self) -> None:
        self.feeder.close()
        for running in self._started:
            running.close()
        self.proxy.close()
        self.broker.close()
        self._reader.close()
        self.checker.close()
        self.server.stop("fast")
        if self.disk is not None:
            self.disk.unmount()
        self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)


__all__ = ["OPTIONS", "BrokenPromiseError", "Lane", "demand"]
