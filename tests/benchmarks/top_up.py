"""(d) Ten thousand more events on top of a history: against others, and against a short history."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks import peer, project
from benchmarks.base import Base, kept_base
from benchmarks.lab import (
    GIVEN,
    Lab,
    autocommitting,
    checkpoint,
    final_rows,
    require_equal_rows,
)
from benchmarks.lines import Lines
from benchmarks.results import Comparison, Figure, Result
from benchmarks.rows import vacuum
from benchmarks.turns import Plan, in_turns, seconds_of

EVENTS = 10_000
FLAT = 0.9

PEERS: tuple[tuple[peer.Peer, float | None], ...] = (
    (peer.DLT_BEST, 4),
    (peer.DLT_BEST_INDEX, 4),
    (peer.DBT_KEPT, 20),
)


def measure(lab: Lab, plan: Plan) -> Iterator[Result]:
    """The peers on top of the first base; the project on each against itself on the first."""
    for each, _ in PEERS:
        peer.prepare(each, lab.say)
    short = kept_base(lab, plan.bases[0])
    for each, at_least in PEERS:
        yield compare_with_peer(lab, plan, short, each, at_least)
    for claims in plan.bases[1:]:
        long = kept_base(lab, claims)
        for sweep in (False, True):
            before = [read_seconds(base.url) for base in (short, long)]
            yield compare_bases(lab, plan, short, long, sweep=sweep)
            yield from waits_for_reads(plan, (short, long), before, sweep=sweep)


def compare_with_peer(
    lab: Lab, plan: Plan, base: Base, other: peer.Peer, at_least: float | None
) -> Comparison:
    """The same events by both, in turns, on histories that both have loaded themselves."""
    url = lab.database(GIVEN)
    peer.run(other, url, base.all_lines(lab.new_folder("history")), lab.new_folder("peer"))
    vacuum(url)
    with project.office(base.url, sweep=False) as databases:
        warm_up(lab, databases, base)
        lines: list[Lines] = []

        def project_run() -> float:
            lines.append(base.more_lines(lab, EVENTS))
            return top_up(databases, base, lines[-1])

        def peer_run() -> float:
            seconds = peer.run(other, url, lines[-1], lab.new_folder("peer"))
            first_id = lines[-1].first_id
            found = final_rows(url, other.schema, first_id=first_id)
            expected = final_rows(base.url, "public", first_id=first_id)
            require_equal_rows(other.name, found, expected)
            return seconds

        comparison = Comparison(
            "d", name_on(base), EVENTS, f"{other.name}, on the same", other.lacks, at_least
        )
        done = in_turns(lab, plan, comparison, project_run, peer_run)
    lab.drop(url)
    return done


def compare_bases(lab: Lab, plan: Plan, short: Base, long: Base, *, sweep: bool) -> Comparison:
    """The project on a long history against itself on a short one."""
    comparison = Comparison(
        "d",
        name_with(long, sweep=sweep),
        EVENTS,
        f"itself, on top of {short.rows:,}",
        at_least=None if sweep else FLAT,
    )
    with (
        project.office(long.url, sweep=False) as on_long,
        project.office(short.url, sweep=False) as on_short,
    ):
        warm_up(lab, on_long, long)
        warm_up(lab, on_short, short)
        return in_turns(
            lab,
            plan,
            comparison,
            topping_up(lab, on_long, long, sweep=sweep),
            topping_up(lab, on_short, short, sweep=sweep),
        )


def waits_for_reads(
    plan: Plan, bases: Sequence[Base], before: Sequence[float], *, sweep: bool
) -> Iterator[Figure]:
    """How long a run's statements wait for pages that are not in the server's memory, on average.

    Both streams wait at the same time, so that it can be more than the run takes.
    """
    runs = plan.runs + 1  # with the one that warms up
    for base, earlier in zip(bases, before, strict=True):
        name = f"{name_with(base, sweep=sweep)}: waiting for reads"
        yield Figure("d", name, "s a run", [(read_seconds(base.url) - earlier) / runs])


def read_seconds(url: str) -> float:
    """How long the database's statements have waited for reads, once their links are closed."""
    with autocommitting(url) as cursor:
        cursor.execute(
            "SELECT blk_read_time / 1000 FROM pg_stat_database WHERE datname = current_database()"
        )
        [(seconds,)] = cursor.fetchall()
    return float(seconds)


def topping_up(
    lab: Lab, databases: project.Office, base: Base, *, sweep: bool
) -> Callable[[], float]:
    """A run with lines of its own."""
    return lambda: top_up(databases, base, base.more_lines(lab, EVENTS), sweep=sweep)


def warm_up(lab: Lab, databases: project.Office, base: Base) -> None:
    """One run that isn't counted: the pages at the history's end are in memory then."""
    top_up(databases, base, base.more_lines(lab, EVENTS))


def top_up(databases: project.Office, base: Base, lines: Lines, *, sweep: bool = False) -> float:
    """Seconds until more events are final rows; all of them have to be.

    Raises:
        RuntimeError: there are other rows than that many.
    """
    checkpoint(base.url)
    seconds = seconds_of(lambda: project.load_and_merge(databases, lines.files(), sweep=sweep))
    found = final_rows(base.url, "public", first_id=lines.first_id)
    for stream, (count, _) in found.items():
        if count != lines.distinct(stream):
            raise RuntimeError(f"{count} new rows in {stream} of {lines.distinct(stream)}")
    return seconds


def name_on(base: Base) -> str:
    """What the work is called."""
    return f"{EVENTS:,} events on top of {base.rows:,}"


def name_with(base: Base, *, sweep: bool) -> str:
    """The same, with or without a sweep."""
    return f"{name_on(base)}, {'and a sweep' if sweep else 'no sweep'}"
