"""The health of a process: a list of problems in words, empty if it is healthy."""

import math
import time
from datetime import timedelta
from typing import Final

# An analytics run is overdue when two periods and this time have passed since the last one.
PATIENCE: Final = timedelta(seconds=100)


def overdue_after(period: timedelta) -> timedelta:
    """The time after the last analytics run from which on the next one is overdue."""
    return 2 * period + PATIENCE


class LastTime:
    """The time when a job last succeeded.

    Args:
        what: the name of the job, such as `merge`.
        most_seconds: the job is overdue after this time; it can be changed.
    """

    def __init__(self, what: str, *, most_seconds: float = math.inf) -> None:
        self._what = what
        self.most_seconds = most_seconds
        self._at: float | None = None

    def is_now(self) -> None:
        """Records that the job has just succeeded."""
        self._at = time.monotonic()

    def problems(self) -> list[str]:
        """A complaint if the job has never succeeded, or is overdue."""
        if self._at is None:
            return [f"no {self._what} has succeeded yet"]
        ago = time.monotonic() - self._at
        if ago <= self.most_seconds:
            return []
        too_long = f"more than {self.most_seconds:.0f} s"
        return [f"the last successful {self._what} ended {ago:.0f} s ago, which is {too_long}"]
