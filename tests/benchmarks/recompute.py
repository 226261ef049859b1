"""(f) The analytics cycle for one window, and all windows anew, however many claims there are.

(k) The same cycle and its pages after few days and after many, with few rows: it takes a minute.
"""

import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks import project
from benchmarks.base import CLAIMS_PER_DIAGNOSE, Base, fill_history, kept_base, last_midnight
from benchmarks.copying import execute
from benchmarks.lab import OFFICE, Lab, autocommitting, checkpoint
from benchmarks.lines import EVENTS, SEED
from benchmarks.results import Comparison
from benchmarks.rows import vacuum
from benchmarks.turns import Plan, Run, alone, in_turns, seconds_of
from pipeline.audit.verify import find_unbalanced
from pipeline.core.database import Database
from pipeline.core.settings import Settings
from pipeline.quality.checks import Checker
from pipeline.quality.cycle import run_cycle
from pipeline.report.pages import build_pages, docs_folder

WINDOW: Final = timedelta(minutes=10)
WINDOW_EVENTS: Final = 600
"""As many as an office sends in a window."""
FLAT: Final = 1 / 1.2
RECOMPUTE_AIM: Final = 1 / 2
RECENT: Final = timedelta(hours=24)
DAYS: Final = (20, 700)

BARE_SQL: Final = (Path(__file__).parent / "bare_figures.sql").read_text(encoding="utf-8")
# Windows of which nobody was diagnosed have a row of zeros, which the bare query doesn't make.
DIFFERING: Final = """
    WITH published AS (
        SELECT window_start, category, revenue, claims, patients
        FROM analytics.revenue_by_diagnosis WHERE claims > 0 AND window_start < %(until)s
    )

    SELECT
        (SELECT count(*) FROM (TABLE published EXCEPT TABLE bare_figures) AS wrong)
        + (SELECT count(*) FROM (TABLE bare_figures EXCEPT TABLE published) AS missing)
    """


@dataclass(frozen=True)
class Desk:
    """A history, and what an analytics run on it needs, kept between runs as the process does."""

    base: Base
    database: Database
    checker: Checker
    pages: Path
    numbers: "count[int]" = field(default_factory=count)

    def run(
        self, *, now: datetime, since: datetime | None = None, until: datetime | None = None
    ) -> list[datetime]:
        """An analytics run, as the command and the job do it; the windows it published.

        Raises:
            RuntimeError: it held something back.
        """
        done = run_cycle(
            self.database,
            self.checker,
            now=now,
            batch_size=project.BATCH_SIZE,
            since=since,
            until=until,
        )
        if done.verdict != "published":
            raise RuntimeError(f"the analytics run was {done.verdict}")
        return done.published

    def write_pages(self, now: datetime) -> None:
        """What the job does behind a run: its pages, and the sums of the last day."""
        self.database.run(partial(build_pages, folder=self.pages, now=now), snapshot=True)
        unbalanced = partial(find_unbalanced, since=now - RECENT)
        if self.database.run(unbalanced, snapshot=True):
            raise RuntimeError("sums don't come out")


def measure(lab: Lab, plan: Plan) -> Iterator[Comparison]:
    """All windows on every history; one more window on the long ones and on the shortest."""
    short = make_desk(lab, kept_base(lab, plan.bases[0]))
    yield compare_with_bare(lab, plan, short)
    yield compare_with_bare(lab, plan, short, parallel=False)
    # The checks take as long for each window, however many there are; hours for the longest.
    yield with_checks(lab, plan, short)
    for claims in plan.bases[1:]:
        long = make_desk(lab, kept_base(lab, claims))
        yield compare_with_bare(lab, plan, long)
        yield compare_cycles(lab, plan, short, long, pages=False)
        yield compare_cycles(lab, plan, short, long, pages=True)
        long.database.close()
    short.database.close()


def measure_days(lab: Lab, plan: Plan, *, days: tuple[int, int] = DAYS) -> Iterator[Comparison]:
    """One more window after few days and after many, with an event in each window."""
    short, long = (make_desk(lab, days_base(lab, number)) for number in days)
    for desk in (short, long):
        recompute_run(desk)()
        desk.write_pages(desk.base.ended_at)
    for pages in (False, True):
        yield compare_cycles(lab, plan, short, long, pages=pages, work="k", history=days_of)
    long.database.close()
    short.database.close()


def days_base(lab: Lab, days: int) -> Base:
    """A history of so many days that ends at the last midnight, UTC."""
    rows = days * (timedelta(days=1) // WINDOW)
    claims = rows * CLAIMS_PER_DIAGNOSE // (CLAIMS_PER_DIAGNOSE + 1)
    base = fill_history(lab.database(OFFICE), claims, last_midnight(), apart=WINDOW)
    checkpoint(base.url)
    return base


def claims_of(base: Base) -> str:
    """A history by its claims."""
    return f"on top of {base.claims:,} claims"


def days_of(base: Base) -> str:
    """A history by its days."""
    return f"after {round((base.ended_at - base.began_at) / timedelta(days=1))} days"


def make_desk(lab: Lab, base: Base) -> Desk:
    """All that a run needs, ready."""
    pages = lab.new_folder("pages")
    expectations = Settings().expectations
    checker = Checker(base.url, expectations=expectations, docs=docs_folder(pages))
    gc.freeze()
    return Desk(base, project.opened(base.url), checker, pages)


def compare_with_bare(lab: Lab, plan: Plan, desk: Desk, *, parallel: bool = True) -> Comparison:
    """Every window's figures, computed and published, against a query that computes them.

    PostgreSQL may have several processes work at a query into a new table; at an INSERT, one.
    """
    comparison = Comparison(
        "f",
        f"figures of {desk.base.claims:,} claims computed and published",
        desk.base.claims,
        f"the bare query into a table{'' if parallel else ', by one process'}",
        "marks, candidates, categories without revenue, publishing",
        RECOMPUTE_AIM if parallel else None,
    )
    recompute_run(desk)()
    return in_turns(lab, plan, comparison, recompute_run(desk), bare_run(desk, parallel=parallel))


def recompute_run(desk: Desk) -> Run:
    """What `analytics --from --to` does but for the checks."""
    base = desk.base

    def run() -> float:
        checkpoint(base.url)
        return seconds_of(
            lambda: project.recompute(desk.database, since=base.began_at, until=base.ended_at)
        )

    return run


def bare_run(desk: Desk, *, parallel: bool = True) -> Run:
    """The query alone; what it says is compared with what is published."""

    def run() -> float:
        url, bounds = desk.base.url, {"until": desk.base.ended_at}
        execute(url, "DROP TABLE IF EXISTS bare_figures")
        checkpoint(url)
        with autocommitting(url) as cursor:
            if not parallel:
                cursor.execute("SET max_parallel_workers_per_gather = 0")
            seconds = seconds_of(lambda: cursor.execute(BARE_SQL, bounds))
            cursor.execute(DIFFERING, bounds)
            [differing] = cursor.fetchone()
            cursor.execute("DROP TABLE bare_figures")
        if differing:
            raise RuntimeError(f"{differing} figures differ from the bare query's")
        return seconds

    return run


def with_checks(lab: Lab, plan: Plan, desk: Desk) -> Comparison:
    """The same, and every check of every window: once, because it takes long."""
    base = desk.base
    comparison = Comparison(
        "f",
        f"figures of {base.claims:,} claims, all {windows_in(base):,} windows checked",
        base.claims,
    )
    bounds = {"since": base.began_at, "until": base.ended_at}
    return alone(
        lab,
        replace(plan, runs=1),
        comparison,
        lambda: seconds_of(lambda: desk.run(now=base.ended_at, **bounds)),
    )


def windows_in(base: Base) -> int:
    """How many windows a history touches."""
    return -(-(base.ended_at - base.began_at) // WINDOW)


def compare_cycles(
    lab: Lab,
    plan: Plan,
    short: Desk,
    long: Desk,
    *,
    pages: bool,
    work: str = "f",
    history: Callable[[Base], str] = claims_of,
) -> Comparison:
    """One window more, on a long history and on a short one."""
    comparison = Comparison(
        work,
        f"analytics cycle of a window{' and its pages' if pages else ''}, {history(long.base)}",
        WINDOW_EVENTS,
        f"itself, {history(short.base)}",
        at_least=FLAT,
    )
    for desk in (long, short):
        # What all windows anew have left is work for autovacuum, and not for the next window.
        vacuum(desk.base.url)
    runs = [cycle_run(lab, desk, pages=pages) for desk in (long, short)]
    for warm_up in runs:
        warm_up()
    return in_turns(lab, plan, comparison, *runs)


def cycle_run(lab: Lab, desk: Desk, *, pages: bool) -> Run:
    """A window's events wait in staging; it has just closed."""

    def run() -> float:
        start = desk.base.ended_at + next(desk.numbers) * WINDOW
        with project.opened_office(desk.base.url) as databases:
            project.load(databases, window_files(lab, desk.base, start))
        checkpoint(desk.base.url)
        now = start + WINDOW
        began = time.perf_counter()
        published = desk.run(now=now)
        if pages:
            desk.write_pages(now)
        seconds = time.perf_counter() - began
        if start not in published:
            raise RuntimeError("the window was not published")
        return seconds

    return run


def window_files(lab: Lab, base: Base, start: datetime) -> dict[str, Path]:
    """Files of events that happened in a window, evenly, as many of each stream."""
    folder = lab.new_folder("window")
    folder.mkdir()
    first_id, events = base.next_first_id(), WINDOW_EVENTS // len(EVENTS)
    files = {}
    for stream, make in EVENTS.items():
        rng = Random(f"{SEED} {stream} {first_id}")
        payloads = islice(make(first_id, rng, duplicate_share=0, first_patient=1), events)
        files[stream] = folder / f"{stream}.jsonl"
        write_timed(files[stream], payloads, lambda n: start + n * (WINDOW / events))
    return files


def write_timed(file: Path, payloads: Iterable[bytes], time_of: Callable[[int], datetime]) -> None:
    """Writes events with a time of their own: that of their number."""
    with file.open("w", encoding="utf-8") as lines:
        for number, payload in enumerate(payloads):
            event: dict[str, Any] = json.loads(payload)
            lines.write(json.dumps({**event, "tsp": time_of(number).isoformat()}) + "\n")
