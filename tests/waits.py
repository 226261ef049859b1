"""Waiting for what a process, a server or another thread does."""

import time
from collections.abc import Callable

DEADLINE_SECONDS = 120.0
SHORTEST_PAUSE = 0.01
LONGEST_PAUSE = 0.5


def wait_for(condition: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> bool:
    """Waits for a condition; whether it came true in time.

    It pauses for a tenth of the time waited so far: a look costs processor time, which whoever is
    waited for needs as well.
    """
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited >= seconds:
            return False
        time.sleep(min(max(waited / 10, SHORTEST_PAUSE), LONGEST_PAUSE))
    return True
