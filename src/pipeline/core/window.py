"""The window: the stretch of time that revenue is summed over."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WINDOW: Final = timedelta(minutes=10)


def window_of(moment: datetime) -> datetime:
    """The start of the window that holds a moment."""
    utc = moment.astimezone(UTC)
    return utc - (utc - EPOCH) % WINDOW
