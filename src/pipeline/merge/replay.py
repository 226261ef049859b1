"""Puts rejected raw rows back to pending, and keeps their earlier outcomes as history."""

from dataclasses import dataclass
from functools import partial

from pipeline.core.database import Database
from pipeline.core.statements import Cursor, execute, fetch_all, fetch_one
from pipeline.core.streams import STREAMS


@dataclass(frozen=True)
class Replayed:
    """How many raw rows of a stream that were rejected for a reason are pending again."""

    stream: str
    reason: str
    rows: int


def replay(database: Database, *, reason: str | None = None) -> list[Replayed]:
    """Puts rejected raw rows back to pending, one transaction per stream.

    Archived rows stay rejected.

    Args:
        database: the database.
        reason: only rows rejected for this reason; None for all rejected rows.
    """
    return [
        replayed
        for stream in STREAMS
        for replayed in database.run(partial(replay_stream, stream=stream, reason=reason))
    ]


def count_archived(cursor: Cursor, *, reason: str | None = None) -> int:
    """How many rejected raw rows can't be merged again because they are archived."""
    return int(fetch_one(cursor, "merge/replay/count_archived", {"reason": reason}).raw_rows)


def replay_stream(cursor: Cursor, stream: str, reason: str | None) -> list[Replayed]:
    """Moves outcomes to the history, and makes the next merge look behind the cursor.

    It locks the cursor's row first, so that it waits for a merger that is at work.
    """
    fetch_one(cursor, "merge/lock_cursor", {"stream": stream})
    found = fetch_all(cursor, "merge/replay/put_back", {"stream": stream, "reason": reason})
    for row in found:
        execute(cursor, "merge/replay/take_back_cursor", {"stream": stream, **row._asdict()})
    return [Replayed(stream, row.reason, row.replayed) for row in found]
