"""Troubles: what somebody is told about when it begins and when it ends.

A trouble has a kind and a subject, such as a window that is held back. It is recorded in
`analytics.trouble`, so that a restart neither forgets nor repeats it. What a message says comes
from here alone: a window, a stream, a check, a day. Nothing of a patient is in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from pipeline.core.notation import IN_UTC, Notation
from pipeline.core.statements import Cursor, execute, fetch_all

if TYPE_CHECKING:  # importing it takes seconds, and the ingestor does not need it
    from pipeline.archive.archive import ArchivedDay
    from pipeline.quality.cycle import CycleResult

# A stream is silent when nothing has arrived for this time, and when this number of events is
# missing compared with its habit (`silent_streams.sql`).
SILENT_FOR: Final = timedelta(minutes=5)
EVENTS_MISSING: Final = 10

THE_ARCHIVE: Final = "the archive"


class Kind(StrEnum):
    """The kinds of trouble."""

    HELD_BACK = "held_back"
    SILENT_STREAM = "silent_stream"
    WARNING = "warning"
    MISSED_RUN = "missed_run"
    UNBALANCED = "unbalanced"
    UNARCHIVED = "unarchived"


@dataclass(frozen=True)
class Words:
    """What a message says about a kind of trouble."""

    begins: str
    ends: str
    page: str
    """The page to open."""
    command: str
    """The command to type; `{subject}` stands for the first subject."""


WORDS: Final[Mapping[Kind, Words]] = {
    Kind.HELD_BACK: Words(
        "A check holds figures back",
        "Figures are no longer held back",
        "quality.html",
        "explain window {subject}",
    ),
    Kind.SILENT_STREAM: Words(
        "A stream is silent for longer than it usually is",
        "A stream is no longer silent",
        "quality.html",
        "status",
    ),
    Kind.WARNING: Words(
        "A check warns",
        "A check no longer warns",
        "quality.html",
        "analytics",
    ),
    Kind.MISSED_RUN: Words(
        "An analytics run is missed",
        "Analytics runs again",
        "index.html",
        "status",
    ),
    Kind.UNBALANCED: Words(
        "The raw rows of a stream do not add up",
        "The raw rows of a stream add up again",
        "quality.html",
        "verify",
    ),
    Kind.UNARCHIVED: Words(
        "Raw rows could not be archived",
        "Raw rows are archived again",
        "quality.html",
        "archive",
    ),
}


def record(cursor: Cursor, kind: Kind, found: Mapping[str, datetime], *, now: datetime) -> None:
    """Records which troubles of a kind have begun and ended.

    Args:
        cursor: of the transaction.
        kind: the kind.
        found: every trouble of this kind that is there now, by its subject: since when.
        now: when those end that are no longer there.
    """
    subjects = list(found)
    begun = {"kind": kind, "subjects": subjects, "began_at": list(found.values())}
    execute(cursor, "operations/notices/begin", begun)
    execute(cursor, "operations/notices/end", {"kind": kind, "subjects": subjects, "now": now})


def look(cursor: Cursor, *, now: datetime, watching_since: datetime, patience: timedelta) -> None:
    """Looks for what nobody else reports: held-back windows, silent streams, a missed run.

    Args:
        cursor: of the transaction.
        now: the time.
        watching_since: since when this process looks. Before that, all may have been stopped.
        patience: how long ago the last analytics run may have ended.
    """
    watch = {"now": now, "watching_since": watching_since}
    habit = {"quiet_since": now - SILENT_FOR, "missing": EVENTS_MISSING}
    windows = fetch_all(cursor, "report/blocked_windows")
    held_back = {IN_UTC.iso(row.window_start): now for row in windows}
    silent = fetch_all(cursor, "operations/notices/silent_streams", {**watch, **habit})
    missed = fetch_all(cursor, "operations/notices/missed_runs", {**watch, "patience": patience})
    record(cursor, Kind.HELD_BACK, held_back, now=now)
    record(cursor, Kind.SILENT_STREAM, by_subject(silent), now=now)
    record(cursor, Kind.MISSED_RUN, by_subject(missed), now=now)


def run_ended(cursor: Cursor, *, result: "CycleResult", now: datetime) -> None:
    """Records the checks that warn, as an analytics run has found them."""
    warnings = [check for check in result.failures if check.severity == "warning"]
    names = {f"{check.suite}: {check.check_name}": now for check in warnings}
    record(cursor, Kind.WARNING, names, now=now)


def reconciled(cursor: Cursor, *, unbalanced: Iterable[Any], now: datetime) -> None:
    """Records the streams whose raw rows do not add up."""
    record(cursor, Kind.UNBALANCED, {row.stream: now for row in unbalanced}, now=now)


def archive_ended(cursor: Cursor, *, days: Iterable["ArchivedDay"], now: datetime) -> None:
    """Records the days that could not be archived."""
    left = {day.day: now for day in days if day.reason_left}
    record(cursor, Kind.UNARCHIVED, left, now=now)


def archive_failed(cursor: Cursor, *, now: datetime) -> None:
    """Records that nothing could be archived at all."""
    record(cursor, Kind.UNARCHIVED, {THE_ARCHIVE: now}, now=now)


def shown_subject(kind: Kind, subject: str, notation: Notation) -> str:
    """A subject as people read it: a window's start with the offset of the practice's clock."""
    if kind is Kind.HELD_BACK:
        return notation.iso(datetime.fromisoformat(subject))
    return subject


def by_subject(rows: Iterable[Any]) -> dict[str, datetime]:
    """Since when each trouble is there."""
    return {row.subject: row.began_at for row in rows}
