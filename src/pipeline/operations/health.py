"""Whether a process does its work: the reasons in words why it doesn't, none where it does."""

import math
import time


class LastTime:
    """When something was last done.

    Args:
        what: is done, such as `merge`.
        most_seconds: may pass until it is done again; it can be changed.
    """

    def __init__(self, what: str, *, most_seconds: float = math.inf) -> None:
        self._what = what
        self.most_seconds = most_seconds
        self._at: float | None = None

    def is_now(self) -> None:
        """It has just been done."""
        self._at = time.monotonic()

    def problems(self) -> list[str]:
        """That it was not done yet, or not for too long."""
        if self._at is None:
            return [f"no {self._what} has ended yet"]
        ago = time.monotonic() - self._at
        if ago <= self.most_seconds:
            return []
        too_long = f"more than {self.most_seconds:.0f} s"
        return [f"the last {self._what} that went well ended {ago:.0f} s ago, which is {too_long}"]
