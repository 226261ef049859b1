"""Computes the revenue of due windows as candidates, and publishes candidates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipeline.core.statements import Cursor, execute, fetch_all, fetch_one
from pipeline.core.window import EARLIEST, LATEST, read_window_length

# The claims of so many windows fit in work_mem. And after a table has grown, even a bad plan does
# little harm for so few windows.
WINDOWS_AT_ONCE = 300


@dataclass(frozen=True)
class Candidate:
    """What an analytics run computed, and the batches of the merge that are new to it."""

    quality_run_id: int
    merged_from: int
    merged_through: int
    received_from: str
    """When the earliest raw row of these batches was received, as PostgreSQL writes it."""
    windows: list[datetime]
    window_length: timedelta
    emptied: dict[str, int] = field(default_factory=dict)
    """How many rows were merged into each clean table that somebody has emptied.

    Then nothing was computed: what is due waits for a rebuild.
    """


def compute(
    cursor: Cursor,
    *,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Candidate:
    """Computes every due window; with bounds, every closed window between them.

    It marks all windows first if somebody has changed the tracked diagnoses, and withdraws the
    figures of marked windows that can have none. It holds the locks of the merge cursors, so that
    no merge can set a mark that it does not see. If somebody has emptied a clean table, it computes
    nothing and withdraws nothing: every window has to wait for a rebuild.

    Args:
        cursor: of a transaction.
        now: windows that end by then are closed.
        since: a moment of the first window; None for no lower bound.
        until: only windows that start before it; None for no upper bound.
    """
    execute(cursor, "revenue/lock_cursors")
    run = fetch_one(cursor, "revenue/open_run", {"now": now})
    bounds = {"since": since or EARLIEST, "until": until or LATEST}
    due = {"quality_run_id": run.quality_run_id, "now": now, **bounds}
    window_length = read_window_length(cursor)
    emptied = {row.stream: row.merged for row in fetch_all(cursor, "merge/emptied_tables")}
    if not emptied:
        _mark(cursor, bounds, is_bounded=since is not None or until is not None)
        _compute_due(cursor, due, window_length)
    return Candidate(
        quality_run_id=run.quality_run_id,
        merged_from=run.merged_from,
        merged_through=run.merged_through,
        received_from=run.received_from,
        windows=_windows(cursor, "revenue/candidate_windows", due),
        window_length=window_length,
        emptied=emptied,
    )


def _mark(cursor: Cursor, bounds: Mapping[str, datetime], *, is_bounded: bool) -> None:
    """Marks all windows if the tracked diagnoses have changed, or else those between bounds."""
    if fetch_all(cursor, "revenue/take_in_categories"):
        # A window has a figure for each category, so a change concerns all of them.
        execute(cursor, "revenue/mark_windows", {"since": EARLIEST, "until": LATEST})
    elif is_bounded:
        execute(cursor, "revenue/mark_windows", bounds)


def _compute_due(cursor: Cursor, due: Mapping[str, Any], window_length: timedelta) -> None:
    computed = _windows(cursor, "revenue/due_windows", due)
    for part in _parts(computed):
        part_bounds = {"since": part[0], "until": part[-1] + window_length}
        execute(cursor, "revenue/compute_candidate", {**due, **part_bounds})
    execute(cursor, "revenue/clear_empty_windows", {**due, "computed": computed})
    execute(cursor, "revenue/withdraw_open_windows", due)
    execute(cursor, "revenue/forget_blocked_candidates", due)


def _windows(cursor: Cursor, name: str, due: Mapping[str, Any]) -> list[datetime]:
    return [row.window_start for row in fetch_all(cursor, name, due)]


def publish(cursor: Cursor, quality_run_id: int, windows: list[datetime]) -> list[datetime]:
    """Replaces the published figures of these windows with those of the run.

    Returns:
        The windows that it published. It skips a window that another run has published from newer
        data.
    """
    execute(cursor, "revenue/lock_cursors")
    return [
        row.window_start
        for part in _parts(windows)
        for row in fetch_all(
            cursor, "revenue/publish", {"quality_run_id": quality_run_id, "windows": part}
        )
    ]


def close_run(
    cursor: Cursor,
    quality_run_id: int,
    *,
    verdict: str,
    published: list[datetime],
    blocked: list[datetime],
) -> None:
    """Records how the run ended, and for which windows."""
    execute(
        cursor,
        "revenue/close_run",
        {
            "quality_run_id": quality_run_id,
            "verdict": verdict,
            "published": published,
            "blocked": blocked,
        },
    )


def _parts(windows: list[datetime]) -> Iterator[list[datetime]]:
    for start in range(0, len(windows), WINDOWS_AT_ONCE):
        yield windows[start : start + WINDOWS_AT_ONCE]
