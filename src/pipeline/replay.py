"""Puts rejected raw rows back to pending, to be merged again; their earlier outcome is kept."""

from dataclasses import dataclass
from functools import partial

from pipeline.database import Database
from pipeline.staging import STREAMS
from pipeline.statements import Cursor, fetch_all, fetch_one


@dataclass(frozen=True)
class Replayed:
    """How many raw rows of a stream, rejected for a reason, are pending again."""

    stream: str
    reason: str
    rows: int


def replay(database: Database, *, reason: str | None = None) -> list[Replayed]:
    """Puts rejected raw rows back to pending, a transaction a stream.

    Args:
        database: where.
        reason: only what was rejected for it; else everything that was rejected.
    """
    return [
        replayed
        for stream in STREAMS
        for replayed in database.run(partial(replay_stream, stream=stream, reason=reason))
    ]


def replay_stream(cursor: Cursor, stream: str, reason: str | None) -> list[Replayed]:
    """Moves outcomes to their history, and the cursor back before the first raw row concerned.

    The cursor's row is locked first, as by a merger: what one has under way is waited for.
    """
    last_xid = fetch_one(cursor, "merge/lock_cursor", {"stream": stream}).last_xid
    found = fetch_all(cursor, "replay/put_back", {"stream": stream, "reason": reason})
    for row in found:
        last_xid = _take_back_cursor(cursor, stream, last_xid, row.first_xid, row.replayed)
    return [Replayed(stream, row.reason, row.replayed) for row in found]


def _take_back_cursor(
    cursor: Cursor, stream: str, last_xid: str, first_xid: str | None, replayed: int
) -> str:
    place = {"stream": stream, "last_xid": last_xid, "first_xid": first_xid, "replayed": replayed}
    return str(fetch_one(cursor, "replay/take_back_cursor", place).last_xid)
