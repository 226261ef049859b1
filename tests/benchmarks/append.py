"""(a) An event in a callback until it is durable and acknowledged, one at a time and many."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks import peer, project
from benchmarks.copying import expected_rows, require_rows
from benchmarks.lab import GIVEN, OFFICE, Lab, autocommitting, checkpoint
from benchmarks.lines import Lines, make_lines
from benchmarks.results import Comparison
from benchmarks.turns import Plan, Run, in_turns, seconds_of
from utils.pipeline_utils import Channel

ONE_BY_ONE = 5_000
MANY = 50_000
STREAM = "claim"


def measure(lab: Lab, plan: Plan) -> Iterator[Comparison]:
    """The callback's path against a row and a commit per event, on the same events."""
    peer.prepare(peer.NAIVE, lab.say)
    few = make_lines(lab.new_folder("few"), min(ONE_BY_ONE, plan.rows), streams=(STREAM,))
    many = make_lines(lab.new_folder("many"), min(MANY, plan.rows), streams=(STREAM,))
    yield compare(lab, plan, few, "one event at a time, acknowledged", capacity=1, at_least=1)
    yield compare(lab, plan, many, "many in flight, acknowledged", capacity=None, at_least=10)


def compare(
    lab: Lab, plan: Plan, lines: Lines, name: str, *, capacity: int | None, at_least: float
) -> Comparison:
    """One stream's events through a channel of so many places; None is what a channel has."""
    lacks, reference = peer.NAIVE.lacks, peer.NAIVE.name
    return in_turns(
        lab,
        plan,
        Comparison("a", name, lines.events, reference, lacks, at_least),
        project_run(lab, lines, capacity),
        naive_run(lab, lines),
    )


def project_run(lab: Lab, lines: Lines, capacity: int | None) -> Run:
    """From the publishing of the first event to the acknowledgement of the last."""

    def run() -> float:
        payloads = lines.file(STREAM).read_bytes().splitlines()
        channel = Channel() if capacity is None else Channel(capacity)
        with lab.fresh(OFFICE) as url, project.office(url) as databases:
            checkpoint(url)
            receive = partial(project.receive, databases[STREAM], STREAM, payloads, channel)
            seconds = seconds_of(receive)
            require_same(url, payloads)
        return seconds

    return run


def naive_run(lab: Lab, lines: Lines) -> Run:
    """The same events by the naive peer."""
    expected = expected_rows(lab, lines)

    def run() -> float:
        with lab.fresh(GIVEN) as url:
            seconds = peer.run(peer.NAIVE, url, lines, lab.new_folder("naive"))
            require_rows(peer.NAIVE.name, url, peer.NAIVE.schema, expected)
        return seconds

    return run


def require_staged(url: str, events: int) -> None:
    """Refuses to go on where raw rows are missing.

    Raises:
        RuntimeError: there are others than that many.
    """
    with autocommitting(url) as cursor:
        cursor.execute("SELECT count(*) FROM staging.event")
        [staged] = cursor.fetchone()
    if staged != events:
        raise RuntimeError(f"{staged} raw rows for {events} events")


def require_same(url: str, payloads: Sequence[bytes]) -> None:
    """Refuses to go on where the raw rows aren't these events, each as often as it came.

    Raises:
        RuntimeError: they aren't.
    """
    with autocommitting(url) as cursor:
        cursor.execute("SELECT payload FROM staging.event")
        staged = Counter(payload.encode() for (payload,) in cursor)
    if staged != Counter(payloads):
        raise RuntimeError(
            f"{staged.total()} raw rows, {len(staged)} of them distinct, "
            f"for {len(payloads)} events, {len(set(payloads))} of them distinct"
        )
