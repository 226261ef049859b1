"""How status, results and promises look in a terminal."""

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.rebuild import Rebuild
from pipeline.replay import Replayed
from pipeline.status import Status, StreamStatus
from pipeline.verify import Promise

FATES = ("merged", "duplicate", "conflict", "rejected")


def status_table(status: Status, *, pages: str | None = None) -> RenderableType:
    """Streams, last analytics run and open window, for a terminal of 80 columns."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stream")
    for column in ("received", *FATES, "pending", "lag"):
        table.add_column(column, justify="right")
    for stream in status.streams:
        table.add_row(*_stream_cells(stream, status.now))
    return Group(table, Text(), *(Text(line) for line in _status_lines(status, pages)))


def status_line(status: Status) -> str:
    """The same in one line, where there is no terminal."""
    streams = "; ".join(
        f"{stream.stream}: received {stream.received}, merged {stream.merged}, "
        f"duplicate {stream.duplicate}, conflict {stream.conflict}, "
        f"rejected {stream.rejected}, pending {stream.pending}"
        for stream in status.streams
    )
    return f"{status.now:%H:%M:%S} {streams}; window closes {status.window_closes_at:%H:%M}"


def promise_lines(promises: list[Promise]) -> list[str]:
    """A line per promise, and the rows at fault below those that are broken."""
    lines = []
    for promise in promises:
        lines.append(f"{'ok    ' if promise.holds else 'BROKEN'} {promise.text}")
        lines += [f"         {_row(example)}" for example in promise.examples]
        hidden = promise.rows_at_fault - len(promise.examples)
        if hidden:
            lines.append(f"         … and {hidden} more")
    return lines


def replay_lines(replayed: list[Replayed]) -> list[str]:
    """A line per stream and reason, and their sum."""
    lines = [f"{each.stream}: {each.rows} rejected as {each.reason}" for each in replayed]
    return [*lines, f"{sum(each.rows for each in replayed)} raw rows are pending again."]


def rebuild_lines(found: Rebuild) -> list[str]:
    """A line per kind of difference, with a few of the rows, and what was done about them."""
    lines = [
        f"{each.relation}: {each.rows} {each.kind}{_some(each.examples, each.rows)}"
        for each in found.differences
    ]
    return [*lines, _rebuild_line(found)]


def _some(numbers: list[int], count: int) -> str:
    more = ", …" if count > len(numbers) else ""
    return f" ({', '.join(map(str, numbers))}{more})" if numbers else ""


def _rebuild_line(found: Rebuild) -> str:
    if not found.differences:
        return f"{found.outcomes} outcomes rebuilt: the clean layer is the same."
    if not found.is_applied:
        return f"{found.outcomes} outcomes rebuilt: the clean layer differs; --apply puts it right."
    return (
        f"{found.outcomes} outcomes rebuilt, and the clean layer put right; "
        f"{found.marked_windows} windows are to be computed again."
    )


def _stream_cells(stream: StreamStatus, now: datetime) -> list[str]:
    counts = [stream.received, *(getattr(stream, fate) for fate in FATES), stream.pending]
    return [stream.stream, *map(str, counts), f"{stream.lag_seconds(now):.0f} s"]


def _status_lines(status: Status, pages: str | None) -> list[str]:
    left = _minutes(status.window_closes_at - status.now)
    lines = [
        _last_run(status),
        f"open window   closes {status.window_closes_at:%H:%M} UTC, in {left}",
        f"due windows   {status.due_windows}",
    ]
    return [*lines, f"pages         {pages}"] if pages else lines


def _last_run(status: Status) -> str:
    run = status.last_run
    if run is None:
        return "analytics     no run has ended yet"
    verdict = str(run["verdict"]).replace("_", " ")
    return (
        f"analytics     run {run['quality_run_id']}, {run['finished_at']:%H:%M:%S} UTC: {verdict}"
        f" ({run['windows_published']} published, {run['windows_blocked']} held back)"
    )


def _minutes(time: timedelta) -> str:
    seconds = max(0, round(time.total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02d}"


def _row(row: dict[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())
