"""The subscriber: calls a function on each arrival, and acknowledges when it returns.

Events that arrive during a call are handed over together in the next call, so that a function that
commits can commit many events at once.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tenacity import RetryCallState, Retrying, wait_random_exponential
from tenacity.wait import wait_base

from utils.pipeline_utils import Delivery, Source

RETRY_WAIT: Final = wait_random_exponential(multiplier=0.2, max=3)

_POLL_SECONDS: Final = 0.1

_logger = logging.getLogger(__name__)


class _Run:
    """One thread and its state, from start to stop."""

    def __init__(self, work: Callable[["_Run"], None], name: str) -> None:
        self.stopping = threading.Event()
        self.abandoned = threading.Event()
        self.drained = False
        self.thread = threading.Thread(target=work, args=(self,), name=name)

    @property
    def active(self) -> bool:
        return self.thread.is_alive() and not self.stopping.is_set()


class Subscriber:
    """Calls `callback` with the payloads of the events of `source`, in its own thread.

    It calls as soon as there is an event, with all events that are there at that moment, in their
    order. They are acknowledged when the callback returns. When it raises, they are delivered again
    after a wait, which grows with every failure in a row. The next call then has the first event
    only, and every success doubles the number of events in a call. So the callback may see an
    event more than once, but never misses one; and an event that always fails does not hold up the
    events before it.

    Args:
        source: The source of the events.
        callback: The function to call.
        name: The name of this subscriber in the log and of its thread.
        at_most: The most payloads in one call.
        retry_wait: How long to wait after a failure: a wait strategy of tenacity.
    """

    def __init__(
        self,
        source: Source,
        callback: Callable[[Sequence[bytes]], None],
        *,
        name: str,
        at_most: int = 1,
        retry_wait: wait_base = RETRY_WAIT,
    ) -> None:
        self._source = source
        self._callback = callback
        self._name = name
        self._at_most = at_most
        self._at_once = at_most
        self._retry_wait = retry_wait
        self._run: _Run | None = None
        self._lifecycle = threading.Lock()
        self._turn = threading.Lock()
        self._acknowledged = 0
        self._failures_in_a_row = 0

    @property
    def acknowledged(self) -> int:
        """The number of events that this subscriber has acknowledged."""
        return self._acknowledged

    @property
    def is_running(self) -> bool:
        """Whether events are being delivered, also during a drain."""
        run = self._run
        return run is not None and run.thread.is_alive()

    def start(self) -> None:
        """Start delivering. Does nothing if it already delivers."""
        with self._lifecycle:
            if self._run is not None and self._run.active:
                return
            self._run = _Run(self._work, f"subscriber-{self._name}")
            self._run.thread.start()

    def stop(self, timeout: float) -> bool:
        """Deliver the queued events (drain), then end.

        Args:
            timeout: How long to drain, in seconds. A callback that is still running then may
                finish, but nothing is delivered after it.

        Returns:
            True if everything was acknowledged, or if this subscriber never started. False if the
            time ran out; the remaining events stay in the source, unacknowledged.
        """
        with self._lifecycle:
            run = self._run
        if run is None:
            return True
        run.stopping.set()
        run.thread.join(timeout)
        run.abandoned.set()
        return run.drained

    def _work(self, run: _Run) -> None:
        # A callback may outlast its stop: the next start waits here, so two never run at once.
        with self._turn:
            while not (run.drained or run.abandoned.is_set()):
                self._take_or_wait(run)

    def _take_or_wait(self, run: _Run) -> None:
        draining = run.stopping.is_set()
        try:
            run.drained = self._take(draining=draining)
        except BaseException as error:  # noqa: BLE001 - whatever is raised, the event comes again
            self._failures_in_a_row += 1
            _logger.warning(
                "events will be delivered again",
                extra={"stream": self._name, "error": type(error).__name__},
            )
            # If stop was called during the attempt, the next attempt follows without a wait.
            self._wait_after_failure(run.abandoned if draining else run.stopping)

    def _take(self, *, draining: bool) -> bool:
        """Deliver the next events, if any; True if no more will come."""
        # `closed` is read before receiving, so that an event published in between is not missed.
        last = draining or self._source.closed
        first = self._source.receive(0 if draining else _POLL_SECONDS)
        if first is None:
            return last
        self._deliver([first, *self._others()])
        return False

    def _others(self) -> Iterator[Delivery]:
        """The other events that are there at this moment, up to the limit."""
        for _ in range(self._at_once - 1):
            delivery = self._source.receive(0)
            if delivery is None:
                return
            yield delivery

    def _deliver(self, deliveries: Sequence[Delivery]) -> None:
        try:
            self._callback([delivery.payload for delivery in deliveries])
        except BaseException:
            self._at_once = 1
            for delivery in reversed(deliveries):
                delivery.redeliver()
            raise
        for delivery in deliveries:
            delivery.acknowledge()
        self._acknowledged += len(deliveries)
        self._failures_in_a_row = 0
        self._at_once = min(2 * self._at_once, self._at_most)

    def _wait_after_failure(self, interrupt: threading.Event) -> None:
        """Wait as long as the strategy says, or until the interrupt is set."""
        state = RetryCallState(Retrying(), None, (), {})
        state.attempt_number = self._failures_in_a_row
        interrupt.wait(self._retry_wait(state))
