"""(c) Lines of files to final rows, a fifth of them repeats: against all that others use."""

from collections.abc import Iterator
from functools import partial

from benchmarks import peer, project
from benchmarks.copying import BARE_TABLES, copy, execute, expected_rows, require_rows
from benchmarks.lab import GIVEN, OFFICE, Lab, checkpoint
from benchmarks.lines import Lines, make_lines
from benchmarks.results import Comparison
from benchmarks.turns import Plan, Run, do_all, in_turns, seconds_of

# A row and a commit each takes minutes for a million; the rate is the same for fewer.
NAIVE_EVENTS = 50_000
NAME = "load and merge to final rows"
ONE_STREAM = "claim"
COPY_NAME = "bare COPY of the typed rows, primary key"
COPY_LACKS = "reading JSON, finding repeats, keys to patients, indexes"
COPY_AIM = 0.5

Expected = dict[str, tuple[int, int]]

BOTH_STREAMS_PEERS: tuple[tuple[peer.Peer, float | None], ...] = (
    (peer.PANDAS, None),
    (peer.DLT_DEFAULT, 10),
    (peer.DLT_DEFAULT_INDEX, 10),
    (peer.DLT_BEST, None),
    (peer.DLT_BEST_INDEX, 0.5),
    (peer.DBT, None),
    (peer.DBT_KEPT, None),
)
# The fastest ones.
ONE_STREAM_PEERS: tuple[tuple[peer.Peer, float | None], ...] = (
    (peer.DLT_BEST, None),
    (peer.DLT_BEST_INDEX, 0.4),
    (peer.DBT, None),
    (peer.DBT_KEPT, 1),
)


def measure(lab: Lab, plan: Plan) -> Iterator[Comparison]:
    """Both streams at once with half of the lines each, then one stream with all of them."""
    for each, _ in BOTH_STREAMS_PEERS:
        peer.prepare(each, lab.say)
    # The naive peer does fewer, for its time.
    few = make_lines(lab.new_folder("few"), min(NAIVE_EVENTS, plan.rows))
    yield compare_with_peer(lab, plan, few, peer.NAIVE, None)
    both = make_lines(lab.new_folder("both"), plan.rows)
    for each, at_least in BOTH_STREAMS_PEERS:
        yield compare_with_peer(lab, plan, both, each, at_least)
    for at_once in (False, True):
        yield compare_with_copy(lab, plan, both, at_once=at_once)
    one = make_lines(lab.new_folder("one"), plan.rows, streams=(ONE_STREAM,))
    for each, at_least in ONE_STREAM_PEERS:
        yield compare_with_peer(lab, plan, one, each, at_least)
    yield compare_with_copy(lab, plan, one, at_once=False)


def compare_with_peer(
    lab: Lab, plan: Plan, lines: Lines, other: peer.Peer, at_least: float | None
) -> Comparison:
    """The project and a peer in turns, from lines to the same final rows."""
    expected = expected_rows(lab, lines)
    return in_turns(
        lab,
        plan,
        Comparison("c", name_of(lines), lines.events, other.name, other.lacks, at_least),
        project_run(lab, lines, expected),
        peer_run(lab, lines, other, expected),
    )


def compare_with_copy(lab: Lab, plan: Plan, lines: Lines, *, at_once: bool) -> Comparison:
    """The rows that come out of it, ready typed: one table after the other, or both at once."""
    expected = expected_rows(lab, lines)
    name = f"{COPY_NAME}, tables at once" if at_once else COPY_NAME
    at_least = None if at_once else COPY_AIM
    return in_turns(
        lab,
        plan,
        Comparison("c", name_of(lines), lines.events, name, COPY_LACKS, at_least),
        project_run(lab, lines, expected),
        copy_run(lab, lines, expected, at_once=at_once),
    )


def name_of(lines: Lines) -> str:
    """What the work is called."""
    streams = "both streams at once" if len(lines.counts) > 1 else "one stream"
    return f"{NAME}, {streams}"


def project_run(lab: Lab, lines: Lines, expected: Expected) -> Run:
    """The project's load and merge, as its commands do them."""

    def run() -> float:
        with lab.fresh(OFFICE) as url, project.office(url) as database:
            checkpoint(url)
            seconds = seconds_of(lambda: project.load_and_merge(database, lines.files()))
            require_rows("this project", url, "public", expected)
        return seconds

    return run


def peer_run(lab: Lab, lines: Lines, other: peer.Peer, expected: Expected) -> Run:
    """What a peer does with the lines."""

    def run() -> float:
        with lab.fresh(GIVEN) as url:
            seconds = peer.run(other, url, lines, lab.new_folder("peer"))
            require_rows(other.name, url, other.schema, expected)
        return seconds

    return run


def copy_run(lab: Lab, lines: Lines, expected: Expected, *, at_once: bool) -> Run:
    """COPY of rows that somebody else has typed and freed of repeats."""

    def run() -> float:
        with lab.fresh(GIVEN) as url:
            execute(url, BARE_TABLES)
            copies = [
                partial(copy, url, f"COPY bare.{stream} FROM STDIN", lines.typed_file(stream))
                for stream in lines.counts
            ]
            checkpoint(url)
            seconds = seconds_of(lambda: do_all(copies, at_once=at_once))
            require_rows(COPY_NAME, url, "bare", expected)
        return seconds

    return run
