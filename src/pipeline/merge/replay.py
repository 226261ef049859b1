"""Puts rejected raw rows back to pending, to be merged again; their earlier outcome is kept."""

from dataclasses import dataclass
from functools import partial

from pipeline.core.database import Database
from pipeline.core.statements import Cursor, execute, fetch_all, fetch_one
from pipeline.core.streams import STREAMS


@dataclass(frozen=True)
class Replayed:
    """How many raw rows of a stream, rejected for a reason, are pending again."""

    stream: str
    reason: str
    rows: int


def replay(database: Database, *, reason: str | None = None) -> list[Replayed]:
    """Puts rejected raw rows back to pending, a transaction a stream; archived ones stay rejected.

    Args:
        database: where.
        reason: only what was rejected for it; else everything that was rejected.
    """
    return [
        replayed
        for stream in STREAMS
        for replayed in database.run(partial(replay_stream, stream=stream, reason=reason))
    ]


def count_archived(cursor: Cursor, *, reason: str | None = None) -> int:
    """How many rejected raw rows stay so because they are archived, and can't be merged again."""
    return int(fetch_one(cursor, "merge/replay/count_archived", {"reason": reason}).raw_rows)


def replay_stream(cursor: Cursor, stream: str, reason: str | None) -> list[Replayed]:
    """Moves outcomes to their history, and has the next merge look behind the cursor from there on.

    The cursor's row is locked first, as by a merger: what one has under way is waited for.
    """
    fetch_one(cursor, "merge/lock_cursor", {"stream": stream})
    found = fetch_all(cursor, "merge/replay/put_back", {"stream": stream, "reason": reason})
    for row in found:
        execute(cursor, "merge/replay/take_back_cursor", {"stream": stream, **row._asdict()})
    return [Replayed(stream, row.reason, row.replayed) for row in found]
