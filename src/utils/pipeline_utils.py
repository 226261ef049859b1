"""Shared by publisher and subscriber: the in-process transport, and stopping on signals."""

import _thread
import errno
import os
import signal
import termios
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import Final, Protocol

_END_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_STOP_SIGNALS: Final = (*_END_SIGNALS, signal.SIGHUP)
_STANDARD_STREAMS: Final = (0, 1, 2)


class RefusedError(Exception):
    """A sink can never take this event. The text says why, without anything of the event."""


class Delivery:
    """One arrival of an event. It must be acknowledged or redelivered, once.

    Each transport passes in its own functions for both.
    """

    def __init__(
        self,
        payload: bytes,
        *,
        on_acknowledge: Callable[[], None],
        on_redeliver: Callable[[], None],
    ) -> None:
        self.payload: Final = payload
        self._on_acknowledge = on_acknowledge
        self._on_redeliver = on_redeliver
        self._unsettled = threading.Lock()

    def acknowledge(self) -> None:
        """Report that the event has been processed, so that it never arrives again.

        Raises:
            RuntimeError: This delivery was acknowledged or redelivered before.
        """
        self._settle()
        self._on_acknowledge()

    def redeliver(self) -> None:
        """Give the event back; it is the next one that arrives.

        Raises:
            RuntimeError: This delivery was acknowledged or redelivered before.
        """
        self._settle()
        self._on_redeliver()

    def _settle(self) -> None:
        if not self._unsettled.acquire(blocking=False):
            raise RuntimeError("this delivery is already acknowledged or redelivered")


class Sink(Protocol):
    """Takes the events of one stream from a publisher."""

    def publish(self, payload: bytes, timeout: float | None = None) -> bool:
        """Publish one event; False if it was not accepted within `timeout` seconds.

        Raises:
            RefusedError: It can never be accepted, so it must not be offered again.
        """


class Source(Protocol):
    """Gives the events of one stream to a subscriber."""

    @property
    def closed(self) -> bool:
        """Whether nothing further will be published."""

    def receive(self, timeout: float | None = None) -> Delivery | None:
        """Take the next event; None if there was none within `timeout` seconds."""


class Channel:
    """The in-process transport of one stream: first in, first out, bounded.

    An event is in flight from `publish` until it is acknowledged.
    """

    def __init__(self, capacity: int = 100) -> None:
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}; it must be at least 1")
        self._capacity = capacity
        self._queue: deque[bytes] = deque()
        self._in_flight = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def in_flight(self) -> int:
        """The number of events that are queued, or delivered and not yet acknowledged."""
        return self._in_flight

    @property
    def closed(self) -> bool:
        """Whether nothing further will be published."""
        return self._closed

    def publish(self, payload: bytes, timeout: float | None = None) -> bool:
        """Queue one event, waiting while `capacity` events are in flight.

        Args:
            payload: The event, verbatim.
            timeout: How long to wait for room, in seconds; None waits for ever.

        Returns:
            False if the time ran out or the channel is closed: the event was not queued.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room(), timeout)
            if self._closed or not self._has_room():
                return False
            self._queue.append(payload)
            self._in_flight += 1
            self._changed.notify_all()
            return True

    def receive(self, timeout: float | None = None) -> Delivery | None:
        """Take the event at the front, waiting until there is one.

        Args:
            timeout: How long to wait, in seconds; None waits for ever.

        Returns:
            None if the time ran out, or if the channel is closed and its queue is empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._queue, timeout)
            if not self._queue:
                return None
            payload = self._queue.popleft()
        return Delivery(
            payload,
            on_acknowledge=self._acknowledge,
            on_redeliver=partial(self._redeliver, payload),
        )

    def close(self) -> None:
        """Accept no more events, and wake all waiting threads. Queued events can be received."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return self._in_flight < self._capacity

    def _acknowledge(self) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def _redeliver(self, payload: bytes) -> None:
        with self._changed:
            self._queue.appendleft(payload)
            self._changed.notify_all()


def stop_on_signals() -> threading.Event:
    """Return an event that the first SIGINT, SIGTERM or SIGHUP sets.

    A second SIGINT or SIGTERM ends the process. A second SIGHUP does not: when a terminal is
    closed, both its shell and the kernel may send one. If SIGHUP is ignored already, as under
    nohup, it stays so.

    Call it from the main thread: only that thread may set signal handlers.
    """
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        _handle(_END_SIGNALS, signal.SIG_DFL)
        _let_go_of_terminal()
        # In another thread, because set() takes a lock that the interrupted main thread may hold.
        _thread.start_new_thread(stop.set, ())

    _handle(_END_SIGNALS, handle)
    _handle(filter(_is_heeded, [signal.SIGHUP]), handle)
    return stop


def interrupt_on_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, unless they are ignored.

    So a command cleans up, whichever signal ends it. A further SIGHUP does not disturb it. Call it
    from the main thread.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        _let_go_of_terminal()
        raise KeyboardInterrupt

    _handle(filter(_is_heeded, _STOP_SIGNALS), handle)


def stop_at_end_of_input(stop: threading.Event) -> None:
    """Set the event when standard input ends, which happens when the parent process ends."""

    def wait_for_end() -> None:
        while os.read(0, 1024):
            pass
        stop.set()

    threading.Thread(target=wait_for_end, name="end-of-input", daemon=True).start()


def _is_heeded(number: signal.Signals) -> bool:
    """Whether a signal is not ignored. Under nohup, SIGHUP is."""
    return signal.getsignal(number) != signal.SIG_IGN


def _handle(
    numbers: Iterable[signal.Signals],
    handler: Callable[[int, FrameType | None], None] | signal.Handlers,
) -> None:
    for number in numbers:
        signal.signal(number, handler)


def _let_go_of_terminal() -> None:
    """Ignore a further SIGHUP, and write nothing more to a terminal that was closed.

    Otherwise the last words of a process that stops would fail, and keep it from cleaning up.
    """
    for descriptor in filter(_is_closed_terminal, _STANDARD_STREAMS):
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _is_closed_terminal(descriptor: int) -> bool:
    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    return False
