"""The present state: streams, pending rows, the last analytics run, the open window."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.core.statements import Cursor, fetch_all, fetch_one

# A transaction that has been open for longer is shown.
OLD_TRANSACTION = timedelta(minutes=5)


@dataclass(frozen=True)
class StreamStatus:
    """A stream: raw rows by fate, arrivals of the last minute, and since when rows are pending."""

    stream: str
    received: int
    merged: int
    duplicate: int
    conflict: int
    rejected: int
    pending: int
    pending_since: datetime | None
    received_in_a_minute: int
    merged_at: datetime | None

    @property
    def rate(self) -> float:
        """Events a second, over the last minute."""
        return self.received_in_a_minute / 60

    def lag_seconds(self, now: datetime) -> float:
        """How long the oldest pending raw row has waited."""
        return (now - self.pending_since).total_seconds() if self.pending_since else 0.0


@dataclass(frozen=True)
class OldTransaction:
    """A transaction that has been open for long, in any database of the server."""

    database_name: str
    pid: int | None
    """Its process; None if it is prepared."""
    begun_at: datetime


@dataclass(frozen=True)
class EmptiedTable:
    """A clean table that somebody has emptied although rows were merged into it."""

    stream: str
    merged: int
    in_words: str
    """What is wrong."""


@dataclass(frozen=True)
class Status:
    """The state at `now`, by the database's clock."""

    now: datetime
    streams: list[StreamStatus]
    due_windows: int
    held_back: list[datetime]
    window_closes_at: datetime
    last_run: dict[str, Any] | None
    old_transaction: OldTransaction | None = None
    """The oldest open transaction of the server, if it is older than five minutes."""
    emptied: list[EmptiedTable] = field(default_factory=list)

    @property
    def lag_seconds(self) -> float:
        """How long the oldest pending raw row of any stream has waited."""
        return max(stream.lag_seconds(self.now) for stream in self.streams)

    @property
    def run_age_seconds(self) -> float | None:
        """How long ago the last analytics run ended; None if none has ended."""
        if self.last_run is None:
            return None
        ended: datetime = self.last_run["finished_at"]
        return (self.now - ended).total_seconds()

    def as_dict(self) -> dict[str, Any]:
        """The status as plain values, for JSON."""
        return {
            **asdict(self),
            "streams": [{**asdict(stream), "rate": stream.rate} for stream in self.streams],
            "lag_seconds": self.lag_seconds,
            "run_age_seconds": self.run_age_seconds,
        }


def read_status(cursor: Cursor) -> Status:
    """Reads the status. The cost depends on the number of pending rows, not on history."""
    windows = fetch_one(cursor, "operations/status/windows")
    runs = fetch_all(cursor, "operations/status/last_run")
    old = fetch_all(cursor, "operations/status/old_transaction", {"longer_than": OLD_TRANSACTION})
    emptied = fetch_all(cursor, "merge/emptied_tables")
    return Status(
        now=windows.now.astimezone(UTC),
        streams=[
            StreamStatus(**row._asdict()) for row in fetch_all(cursor, "operations/status/streams")
        ],
        due_windows=windows.due,
        held_back=[row.window_start for row in fetch_all(cursor, "report/blocked_windows")],
        window_closes_at=windows.closes_at,
        last_run=runs[0]._asdict() if runs else None,
        old_transaction=OldTransaction(**old[0]._asdict()) if old else None,
        emptied=[EmptiedTable(**row._asdict()) for row in emptied],
    )
