"""One analytics run: merge, compute, check, publish."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from pipeline.core.database import Database
from pipeline.core.progress import OnProgress, ignore_progress
from pipeline.core.statements import Cursor, execute, statement
from pipeline.core.streams import STREAMS
from pipeline.merge.merge import STATEMENT_SECONDS, Batch, Look, merge_pending
from pipeline.quality.checks import (
    HABIT_SUITE,
    REVENUE_SUITE,
    RUN_SUITES,
    STAGING_SUITE,
    WINDOW_SUITES,
    Checker,
    CheckResult,
)
from pipeline.quality.data_docs import run_name
from pipeline.revenue.revenue import Candidate, close_run, compute, publish

REBUILD: Final = "office.py rebuild --apply"

# So many windows are checked together at most.
WINDOWS_AT_ONCE = 1008

Check = Callable[[list[datetime]], list[CheckResult]]

# The statement that gives a suite its rows, and the stream that it is rendered for.
SLICES: Final[dict[str, tuple[str, str | None]]] = {
    STAGING_SUITE: ("quality/slice_staging", None),
    HABIT_SUITE: ("quality/slice_habit", None),
    **{stream: ("quality/slice_rows", stream) for stream in STREAMS},
    REVENUE_SUITE: ("quality/slice_revenue", None),
}

STATUS_BY_WEIGHT = ("passed", "failed", "errored")


@dataclass(frozen=True)
class CycleResult:
    """How an analytics run ended."""

    quality_run_id: int
    verdict: str
    published: list[datetime]
    blocked: list[datetime]
    checks: list[CheckResult]
    seconds: float = 0.0
    """How long it took."""

    @property
    def failures(self) -> list[CheckResult]:
        """The checks that did not pass, each one once."""
        failed = [check for check in self.checks if check.status != "passed"]
        return summarise([replace(check, window_start=None) for check in failed])

    @property
    def found_something_wrong(self) -> bool:
        """Whether a critical check failed or a check errored."""
        return self.verdict in ("blocked", "partly_blocked")

    def as_dict(self) -> dict[str, Any]:
        """The result as a dictionary, for JSON."""
        return asdict(self)


def run_cycle(
    database: Database,
    checker: Checker,
    *,
    now: datetime,
    batch_size: int,
    statement_seconds: float = STATEMENT_SECONDS,
    since: datetime | None = None,
    until: datetime | None = None,
    zone: str = "UTC",
    on_batch: Callable[[Batch], object] = lambda _: None,
    on_progress: OnProgress = ignore_progress,
) -> CycleResult:
    """Merges what has arrived, then computes, checks and publishes the windows that are due.

    A window that fails a critical check is not published and stays due. It holds no other back.
    `zone` is the time zone of the practice's hours and weekdays, with which the checks compare.
    `batch_size` and `statement_seconds` are those of `merge_pending`. `on_progress` is called after
    each part of the windows is checked.
    """
    began = time.monotonic()
    for batch in merge_pending(
        database, batch_size=batch_size, sweep=Look.RECENT, statement_seconds=statement_seconds
    ):
        on_batch(batch)
    candidate = database.run(lambda cursor: compute(cursor, now=now, since=since, until=until))
    database.run(lambda cursor: execute(cursor, "quality/note_gone_rows", asdict(candidate)))
    compared = {"quality_run_id": candidate.quality_run_id, "zone": zone}
    database.run(lambda cursor: execute(cursor, "quality/record_habit", compared))
    general = _check_run(database, checker, candidate)
    passed, of_windows = check_in_parts(
        [] if any(result.blocks for result in general) else candidate.windows,
        lambda windows: _check_slices(database, checker, candidate, windows),
        on_progress,
    )
    result = database.run(lambda cursor: _settle(cursor, candidate, passed, general + of_windows))
    checker.write_docs()
    return replace(result, seconds=time.monotonic() - began)


def check_in_parts(
    windows: list[datetime], check: Check, on_progress: OnProgress
) -> tuple[list[datetime], list[CheckResult]]:
    """The windows that pass, and the results; many windows are checked in parts."""
    passed: list[datetime] = []
    results: list[CheckResult] = []
    on_progress(0, len(windows))
    for start in range(0, len(windows), WINDOWS_AT_ONCE):
        part = windows[start : start + WINDOWS_AT_ONCE]
        part_passed, part_results = check_windows(part, check)
        passed += part_passed
        results += part_results
        on_progress(len(part), len(windows))
    return passed, results


def check_windows(
    windows: list[datetime], check: Check
) -> tuple[list[datetime], list[CheckResult]]:
    """The windows that pass, and the results of the checks.

    All windows are checked together. If a critical check fails, each half is checked by itself,
    down to the single windows at fault.
    """
    if not windows:
        return [], []
    results = check(windows)
    if not any(result.blocks for result in results):
        return windows, results
    if len(windows) == 1:
        return [], [result.of_window(windows[0]) for result in results if result.blocks]
    middle = len(windows) // 2
    first, first_results = check_windows(windows[:middle], check)
    second, second_results = check_windows(windows[middle:], check)
    return first + second, first_results + second_results


def _check_run(database: Database, checker: Checker, candidate: Candidate) -> list[CheckResult]:
    slices = _queries(database, RUN_SUITES, asdict(candidate))
    results = checker.check(slices, run_name=run_name(candidate.quality_run_id))
    return checker.broken_checks() + results + _emptied_tables(candidate)


def _emptied_tables(candidate: Candidate) -> list[CheckResult]:
    """A failed check for each clean table that somebody has emptied."""
    return [
        CheckResult(
            suite=STAGING_SUITE,
            check_name=f"Nobody has emptied the table {stream} ({REBUILD} puts it back).",
            severity="critical",
            status="failed",
            rows_at_fault=merged,
        )
        for stream, merged in candidate.emptied.items()
    ]


def _check_slices(
    database: Database, checker: Checker, candidate: Candidate, windows: list[datetime]
) -> list[CheckResult]:
    # From a list of windows alone the planner can't tell how few rows they hold.
    around = {"since": windows[0], "until": windows[-1] + candidate.window_length}
    slices = _queries(database, WINDOW_SUITES, {**asdict(candidate), "windows": windows, **around})
    return checker.check(slices, run_name=run_name(candidate.quality_run_id))


def _queries(
    database: Database, suites: tuple[str, ...], bounds: dict[str, object]
) -> dict[str, str]:
    """The query of each suite. Its bounds are literals, so that its cost stays flat."""

    def with_literals(cursor: Cursor) -> dict[str, str]:
        slices = {suite: SLICES[suite] for suite in suites}
        return {
            suite: cursor.mogrify(statement(name, stream), bounds).decode()
            for suite, (name, stream) in slices.items()
        }

    return database.run(with_literals)


def _settle(
    cursor: Cursor, candidate: Candidate, passed: list[datetime], checks: list[CheckResult]
) -> CycleResult:
    published = publish(cursor, candidate.quality_run_id, passed)
    blocked = [window for window in candidate.windows if window not in set(passed)]
    result = CycleResult(
        quality_run_id=candidate.quality_run_id,
        verdict=_verdict(passed, blocked, checks),
        published=published,
        blocked=blocked,
        checks=summarise(checks),
    )
    for check in result.checks:
        row = {"quality_run_id": candidate.quality_run_id, **asdict(check)}
        execute(cursor, "quality/record_check", row)
    close_run(
        cursor,
        candidate.quality_run_id,
        verdict=result.verdict,
        published=published,
        blocked=blocked,
    )
    return result


def _verdict(passed: list[datetime], blocked: list[datetime], checks: list[CheckResult]) -> str:
    if not passed and any(check.blocks for check in checks):
        return "blocked"
    if blocked:
        return "partly_blocked"
    return "published" if passed else "nothing_due"


def summarise(checks: list[CheckResult]) -> list[CheckResult]:
    """One result per check and held-back window: the worst status and the sums of its parts."""

    def identity(check: CheckResult) -> tuple[str, str, str]:
        return (check.suite, check.check_name, str(check.window_start or ""))

    return [_together(list(parts)) for _, parts in groupby(sorted(checks, key=identity), identity)]


def _together(parts: list[CheckResult]) -> CheckResult:
    return CheckResult(
        suite=parts[0].suite,
        check_name=parts[0].check_name,
        severity=parts[0].severity,
        status=max((part.status for part in parts), key=STATUS_BY_WEIGHT.index),
        rows_at_fault=_sum(part.rows_at_fault for part in parts),
        rows_checked=_sum(part.rows_checked for part in parts),
        window_start=parts[0].window_start,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
