"""The follower: calls a function soon after there is something to do, and at the latest in a while.

What comes during a call, or shortly after it began, waits for the next call, which does all of it.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from models.job import succeeds

# The shortest time between the beginnings of two calls. What comes meanwhile is done by one call.
_APART_SECONDS: Final = 0.04


class Follower:
    """Calls `job` in its own thread: when it is woken, and at the latest after the longest wait.

    Every call begins after the last `wake`, so that nothing is missed. A job that raises is logged,
    and called again after the longest wait, however often it is woken meanwhile.

    Args:
        job: What to call; its return value is ignored.
        name: What the log and the thread call the job.
        longest_seconds: The longest wait from one call to the next.
        apart_seconds: The shortest time between the beginnings of two calls.

    Raises:
        ValueError: The longest wait is not positive.
    """

    def __init__(
        self,
        job: Callable[[], object],
        *,
        name: str,
        longest_seconds: float,
        apart_seconds: float = _APART_SECONDS,
    ) -> None:
        if not longest_seconds > 0:
            raise ValueError(f"the wait of job {name} is {longest_seconds} s; it must be positive")
        self._job = job
        self._name = name
        self._longest_seconds = longest_seconds
        self._apart_seconds = apart_seconds
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=name)

    def start(self) -> None:
        """Begin. It can be started once.

        Raises:
            RuntimeError: It was started before.
        """
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._woken.set()

    def stop(self) -> None:
        """Call the job no more. A call that is under way goes on."""
        self._stopping.set()
        self._woken.set()

    def join(self) -> None:
        """Wait for the end of the last call."""
        self._thread.join()

    def _follow(self) -> None:
        while self._is_wanted():
            began = time.monotonic()
            if succeeds(self._job, name=self._name):
                self._stopping.wait(max(0.0, began + self._apart_seconds - time.monotonic()))
            else:
                self._stopping.wait(self._longest_seconds)
                # What it failed to do is still to be done.
                self._woken.set()

    def _is_wanted(self) -> bool:
        """Wait until the job is to be called; False if it is to be called no more."""
        self._woken.wait(self._longest_seconds)
        # Before the call, so that whoever wakes it meanwhile gets another.
        self._woken.clear()
        return not self._stopping.is_set()
