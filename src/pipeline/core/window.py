"""The window: the stretch of time that revenue is summed over. The database says how long it is."""

from datetime import UTC, datetime, timedelta
from typing import Final

from pipeline.core.statements import Cursor, fetch_one

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Before and after every time that the data can hold.
EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC)
LONGEST_WINDOW: Final = timedelta(days=1)


def read_window_length(cursor: Cursor) -> timedelta:
    """The length of a window, as it is settled in the database."""
    length: timedelta = fetch_one(cursor, "core/window/length").length
    return length


def window_of(moment: datetime, length: timedelta) -> datetime:
    """The start of the window that a moment lies in.

    Args:
        moment: with a time zone.
        length: of a window.
    """
    utc = moment.astimezone(UTC)
    return utc - (utc - EPOCH) % length


def next_window(moment: datetime, length: timedelta) -> datetime:
    """The start of the first window that doesn't begin before a moment.

    Args:
        moment: with a time zone.
        length: of a window.
    """
    start = window_of(moment, length)
    return start if start == moment else start + length
