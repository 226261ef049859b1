"""Formats status, results and promises for a terminal."""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.archive.archive import ArchivedDay
from pipeline.audit.erased import Erasure, GoneRow, GoneRows, nothing_to_record
from pipeline.audit.rebuild import Rebuild
from pipeline.audit.release import Release
from pipeline.audit.verify import Promise
from pipeline.core.contract import FATES
from pipeline.core.local_time import local_time
from pipeline.core.notation import IN_UTC, Notation
from pipeline.merge.replay import Replayed
from pipeline.operations.status import Status, StreamStatus

if TYPE_CHECKING:  # importing it takes seconds
    from pipeline.quality.checks import CheckResult
    from pipeline.quality.cycle import CycleResult

# The widths of the columns after the stream's name. With it, a line is 78 characters wide.
WIDTHS: Final = {
    **dict.fromkeys(("received", "merged", "duplicate", "conflict", "rejected", "pending"), 8),
    **dict.fromkeys(("rate", "lag"), 6),
    "duplicate": 9,
}
FACTS: Final = (
    "last run",
    "checks",
    "windows due",
    "held back",
    "emptied",
    "next window",
    "transaction",
    "database",
)
VERDICT_STYLES: Final = {"published": "green", "partly_blocked": "yellow", "blocked": "red"}
WINDOWS_NAMED: Final = 2
OFFICE: Final = "python src/office.py"
LARGE: Final = 100


@dataclass(frozen=True)
class StatusContext:
    """What is shown beside a status: addresses by name, the next run, a hint, and any trouble.

    `notation` says how times are written.
    """

    addresses: Mapping[str, str]
    next_run: datetime | None = None
    hint: str = ""
    trouble: str = ""
    notation: Notation = IN_UTC


def status_view(status: Status, context: StatusContext) -> RenderableType:
    """A table of the streams, whose columns keep their widths, and the rest below it.

    It fits into 80 columns.
    """
    return Group(
        _stream_table(status), Text(), _facts(_status_facts(status, context)), *_end(context)
    )


def _stream_table(status: Status) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("stream", width=len("diagnose"))
    for column, width in WIDTHS.items():
        table.add_column(column, justify="right", width=width, no_wrap=True)
    for stream in status.streams:
        table.add_row(*_stream_cells(stream, status.now))
    return table


def _facts(facts: Mapping[str, str | Text]) -> Table:
    """A line per fact; a long fact is wrapped within its column."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=max(map(len, FACTS)), style="bold")
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        table.add_row(name, fact)
    return table


def _end(context: StatusContext) -> list[Text]:
    lines = [Text(context.trouble, style="yellow"), Text(context.hint, style="dim")]
    return [line for text in lines if text for line in (Text(), text)]


def status_line(status: Status, notation: Notation = IN_UTC) -> str:
    """The status in one line, for output that is not a terminal."""
    streams = "; ".join(
        f"{stream.stream}: received {stream.received}, merged {stream.merged}, "
        f"duplicate {stream.duplicate}, conflict {stream.conflict}, "
        f"rejected {stream.rejected}, pending {stream.pending}"
        for stream in status.streams
    )
    run = status.last_run
    last_run = f"run {run['quality_run_id']} {_words(run['verdict'])}" if run else "no run yet"
    old = f"; transaction {_old_transaction(status)}" if status.old_transaction else ""
    emptied = f"; {_emptied(status)}" if status.emptied else ""
    return (
        f"{notation.second_of_day(status.now)} {streams}; "
        f"window closes {notation.clock(status.window_closes_at)}; "
        f"{last_run}; windows due {status.due_windows}{old}{emptied}"
    )


def promise_lines(
    promises: list[Promise],
    *,
    width: int | None = None,
    office: str = OFFICE,
    notation: Notation = IN_UTC,
) -> list[str]:
    """A line per promise; below a broken one, the rows at fault, and the commands that mend it.

    The commands begin with `office`. With a width, longer lines are wrapped.
    """
    lines = _promise_lines(promises, office, notation)
    return [part for line in lines for part in _wrapped(line, width)] if width else lines


def _wrapped(line: str, width: int) -> list[str]:
    begins_at = re.match(r"(ok|BROKEN)? *", line)
    indent = " " * (begins_at.end() if begins_at else 0)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)


def _promise_lines(promises: list[Promise], office: str, notation: Notation) -> list[str]:
    lines = []
    for promise in promises:
        lines.append(f"{'ok    ' if promise.holds else 'BROKEN'} {promise.text}")
        lines += [f"         {_row(example, notation)}" for example in promise.examples]
        hidden = promise.rows_at_fault - len(promise.examples)
        if hidden:
            lines.append(f"         … and {hidden} more")
        if not promise.holds:
            lines += _mending_lines(promise, office)
    return lines


def _mending_lines(promise: Promise, office: str) -> list[str]:
    """What to type, one after the other, or that nothing can be typed."""
    if not promise.mended_by:
        return ["       To mend it: no command does; bring back what is missing from a backup"]
    first, *more = promise.mended_by
    return [
        f"       To mend it: {office} {first}",
        *(f"             then: {office} {command}" for command in more),
    ]


def run_lines(
    result: "CycleResult", *, office: str = OFFICE, notation: Notation = IN_UTC
) -> list[str]:
    """An analytics run: the verdict, the windows, every check that did not pass, what to do."""
    windows = f"windows published: {len(result.published)}, held back: {len(result.blocked)}"
    return [
        f"Run {result.quality_run_id}: {_words(result.verdict)}; {windows}.",
        *(_check_line(check, notation) for check in result.checks if check.status != "passed"),
        *(_held_back_hint(notation.iso(result.blocked[0]), office) if result.blocked else []),
    ]


def _held_back_hint(window: str, office: str) -> list[str]:
    return [
        f"  Correct the cause and run: {office} analytics",
        f"  Or, if the figures are right: {office} release {window} --reason TEXT",
    ]


def _check_line(check: "CheckResult", notation: Notation) -> str:
    window = f" (window {notation.minute(check.window_start)})" if check.window_start else ""
    return f"  {check.status} {check.severity} {check.suite}: {check.check_name}{window}"


def release_lines(done: Release, notation: Notation = IN_UTC) -> list[str]:
    """A release: the figures that it published, and its record."""
    figures = ", ".join(f"{each['category']} {each['revenue']}" for each in done.window.figures)
    lines = [
        f"Window {done.window.name_in(notation)} is published by hand: {figures}.",
        f"  Analytics run {done.quality_run_id} computed these figures and held them back:",
        *(f"    {check}" for check in done.failed_checks),
        f"  On the record: {done.reason} ({done.released_by})",
    ]
    if done.window.marks:
        lines.append("  It has changed since: the next analytics run computes it again.")
    return [*lines, "The next analytics run puts it on the pages; `report` does so now."]


def gone_lines(gone: GoneRows, *, office: str, notation: Notation = IN_UTC) -> list[str]:
    """A line per raw row that is gone, and what to do; the commands begin with `office`."""
    if not gone.rows:
        return [nothing_to_record(gone)]
    hidden = gone.rows - len(gone.examples)
    return [
        *(_gone_line(row, notation) for row in gone.examples),
        *([f"… and {hidden} more"] if hidden else []),
        f"{gone.rows} raw rows are gone. Those that were erased on purpose, record:",
        f"    {office} erased [RAW ROW]... --reason TEXT",
        "Bring the others back from a backup.",
    ]


def _gone_line(row: GoneRow, notation: Notation) -> str:
    entity = row.stream if row.entity_id is None else f"{row.stream} {row.entity_id}"
    received = f", received {notation.second(row.received_at)}" if row.received_at else ""
    left = "" if row.can_be_recorded else "; its clean row is gone, too: it can't be recorded"
    return f"raw row {row.seq}: {entity}, {row.fate}{received}{left}"


def erasure_lines(done: Erasure) -> list[str]:
    """The record of an erasure, and what is left."""
    lines = [
        f"Raw rows recorded as erased: {done.rows}.",
        f"  On the record: {done.reason} ({done.recorded_by})",
        "The next analytics run publishes the windows that they have held back.",
    ]
    if done.left_rows:
        lines.append(
            f"{done.left_rows} more are gone with their clean rows, and can't be recorded:"
            " bring them back from a backup."
        )
    return lines


def archive_lines(days: list[ArchivedDay]) -> list[str]:
    """A line per day that was due, and the number of archived days."""
    gone = [day for day in days if not day.reason_left]
    return [*map(_archive_line, days), f"{len(gone)} of {len(days)} days due are archived."]


def _archive_line(day: ArchivedDay) -> str:
    if day.reason_left:
        return f"{day.day}: not archived, because {day.reason_left}"
    if day.file_name is None:
        return f"{day.day}: dropped; it had no raw rows"
    return f"{day.day}: {day.raw_rows} raw rows in {day.file_name} ({day.file_bytes} bytes)"


def replay_lines(replayed: list[Replayed]) -> list[str]:
    """A line per stream and reason, and the sum."""
    lines = [f"{each.stream}: {each.rows} rejected as {each.reason}" for each in replayed]
    return [*lines, f"{sum(each.rows for each in replayed)} raw rows are pending again."]


def rebuild_lines(
    found: Rebuild, *, office: str = OFFICE, notation: Notation = IN_UTC
) -> list[str]:
    """A line per kind of difference, with a few examples, and what was done or is to be done."""
    lines = [
        f"{each.relation}: {each.rows} {each.kind}{_some(each.examples, each.rows, notation)}"
        for each in found.differences
    ]
    return [*lines, *_rebuild_result(found, office)]


def _some(examples: list[int] | list[datetime], count: int, notation: Notation) -> str:
    if not examples:
        return ""
    more = ", …" if count > len(examples) else ""
    return f" ({', '.join(_example(each, notation) for each in examples)}{more})"


def _example(example: int | datetime, notation: Notation) -> str:
    return notation.minute(example) if isinstance(example, datetime) else str(example)


def _rebuild_result(found: Rebuild, office: str) -> list[str]:
    rebuilt = f"{found.outcomes} outcomes rebuilt"
    if not found.differences:
        return [f"{rebuilt}: nothing differs."]
    if not found.is_applied:
        return [f"{rebuilt}: there are differences.", f"To mend them: {office} rebuild --apply"]
    if not found.marked_windows:
        return [f"{rebuilt}, and the differences put right."]
    windows = f"windows to be computed again: {found.marked_windows}"
    return [
        f"{rebuilt}, and the clean layer put right; {windows}.",
        f"The next analytics run publishes them; to run it now: {office} analytics",
    ]


def _stream_cells(stream: StreamStatus, now: datetime) -> list[str]:
    counts = [stream.received, *(getattr(stream, fate) for fate in FATES), stream.pending]
    lag = short_duration(stream.lag_seconds(now))
    return [stream.stream, *map(short_count, counts), short_rate(stream.rate), lag]


def short_count(count: int) -> str:
    """A count in at most 8 characters, exact below 100 million."""
    return str(count) if count < 10**8 else f"{count / 10**6:.0f}M"


def short_rate(rate: float) -> str:
    """A rate in at most 6 characters."""
    if rate < LARGE - 0.05:
        return f"{rate:.1f}/s"
    return f"{rate:.0f}/s" if rate < LARGE**2 - 0.5 else f"{rate / 1000:.0f}k/s"


def short_duration(seconds: float) -> str:
    """A length of time in at most 6 characters."""
    for unit, length in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds / length < LARGE - 1:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def _status_facts(status: Status, context: StatusContext) -> dict[str, str | Text]:
    facts: dict[str, str | Text] = {
        "last run": _last_run(status, context.notation),
        "checks": _checks(status),
        "windows due": str(status.due_windows),
        "held back": _held_back(status.held_back, context.notation),
        "next window": _next_window(status, context),
        "transaction": _old_transaction(status),
        "emptied": _emptied(status),
        **context.addresses,
    }
    return {name: fact for name, fact in facts.items() if fact}


def _last_run(status: Status, notation: Notation) -> Text:
    run = status.last_run
    if run is None:
        return Text("none has ended yet")
    return Text.assemble(
        f"{run['quality_run_id']}, {notation.time_of_day(run['finished_at'])}: ",
        (_words(run["verdict"]), VERDICT_STYLES.get(run["verdict"], "")),
        f"; windows published {run['windows_published']}, held back {run['windows_blocked']}",
    )


def _checks(status: Status) -> Text:
    run = status.last_run
    if run is None:
        return Text()
    parts = [(f"{run['checks_passed']} passed", "")]
    if run["checks_failed"]:
        parts.append((f"{run['checks_failed']} failed", "yellow"))
    if run["checks_errored"]:
        parts.append((f"{run['checks_errored']} errored", "red"))
    return Text(", ").join(Text(*part) for part in parts)


def _held_back(windows: list[datetime], notation: Notation) -> str:
    if not windows:
        return ""
    named = ", ".join(map(notation.minute, windows[:WINDOWS_NAMED]))
    more = len(windows) - WINDOWS_NAMED
    why = f"why: explain window {notation.iso(windows[0])}"
    return f"{named} {notation.zone_name}{f' and {more} more' if more > 0 else ''}; {why}"


def _next_window(status: Status, context: StatusContext) -> str:
    closes, next_run, notation = status.window_closes_at, context.next_run, context.notation
    left = _time_left(closes - status.now)
    text = f"closes {notation.clock_in_zone(closes)}, in {left}"
    if next_run is None:
        return text
    until_run = _time_left(next_run - status.now)
    return f"{text}; next run {notation.second_of_day(next_run)}, in {until_run}"


def _emptied(status: Status) -> str:
    """The clean tables that somebody has emptied, and the command that puts them right."""
    found = "; ".join(each.in_words for each in status.emptied)
    return f"{found}; run rebuild --apply" if found else ""


def _old_transaction(status: Status) -> str:
    """The oldest transaction, and the command that ends it."""
    old = status.old_transaction
    if old is None:
        return ""
    open_for = f"open for {short_duration((status.now - old.begun_at).total_seconds())}"
    if old.pid is None:
        return f"{open_for}, prepared in {old.database_name}; ROLLBACK PREPARED ends it"
    where = f"process {old.pid} in {old.database_name}"
    return f"{open_for}, {where}; pg_terminate_backend({old.pid}) ends it"


def _words(verdict: str) -> str:
    return verdict.replace("_", " ")


def _time_left(time: timedelta) -> str:
    """A length of time as `M:SS`, from an hour on as `H:MM:SS`."""
    minutes, seconds = divmod(max(0, round(time.total_seconds())), 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours}:{rest:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _row(row: dict[str, object], notation: Notation) -> str:
    return ", ".join(f"{name}={_value(value, notation)}" for name, value in row.items())


def _value(value: object, notation: Notation) -> object:
    return local_time(value, notation.zone) if isinstance(value, datetime) else value
