"""What was published and what was acknowledged, in the memory of the harness alone."""

import threading
import time
from bisect import bisect_right
from collections import Counter, defaultdict

Event = tuple[str, bytes]


class Ledger:
    """Counts of events, by stream and payload, and when each stream was acknowledged something."""

    def __init__(self) -> None:
        self._published: Counter[Event] = Counter()
        self._acknowledged: Counter[Event] = Counter()
        self._times: dict[str, list[float]] = defaultdict(list)
        self._changed = threading.Condition()

    def publish(self, stream: str, payload: bytes) -> None:
        with self._changed:
            self._published[stream, payload] += 1

    def acknowledge(self, stream: str, payload: bytes) -> None:
        with self._changed:
            self._acknowledged[stream, payload] += 1
            self._times[stream].append(time.monotonic())
            self._changed.notify_all()

    def published(self) -> Counter[Event]:
        with self._changed:
            return self._published.copy()

    def acknowledged(self) -> Counter[Event]:
        with self._changed:
            return self._acknowledged.copy()

    def first_after(self, stream: str, moment: float, timeout: float) -> float | None:
        """When the stream was acknowledged something after a moment; None if not in time."""
        with self._changed:
            times = self._times[stream]
            self._changed.wait_for(lambda: times and times[-1] > moment, timeout)
            later = bisect_right(times, moment)
            return times[later] if later < len(times) else None
