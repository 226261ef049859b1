"""A small at-least-once broker over a Unix socket, outside of the process that is killed.

A consumer says which stream it wants, and gets frames of number, length and payload. It answers
with an acknowledgement by number. What it has not acknowledged when its connection ends goes back
to the front of the queue, for whoever comes next.
"""

import socket
import struct
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faults.ledger import Ledger

HEADER: Final = struct.Struct("!QI")
ANSWER: Final = struct.Struct("!cQ")
ACKNOWLEDGE: Final = b"A"
STOP: Final = b"S"
READ_BYTES: Final = 65536

# As many as the office's own channel holds: what a killed consumer may get a second time.
WINDOW: Final = 100


@dataclass(frozen=True)
class _Event:
    number: int
    stream: str
    payload: bytes


class Broker:
    """Queues events and hands them to consumers that come and go."""

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self.path = path
        self.ledger = ledger
        self._queues: dict[str, deque[_Event]] = {}
        self._unsettled = 0
        self._numbers = 0
        self._changed = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, name="broker", daemon=True).start()

    def publish(self, stream: str, payload: bytes) -> None:
        self.ledger.publish(stream, payload)
        with self._changed:
            self._numbers += 1
            self._unsettled += 1
            self._queue(stream).append(_Event(self._numbers, stream, payload))
            self._changed.notify_all()

    def unsettled(self) -> int:
        """Events published and not yet acknowledged."""
        with self._changed:
            return self._unsettled

    def close(self) -> None:
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _queue(self, stream: str) -> deque[_Event]:
        return self._queues.setdefault(stream, deque())

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                consumer = _Consumer(self, connection)
                threading.Thread(target=consumer.read, daemon=True).start()

    def take(self, consumer: "_Consumer") -> _Event | None:
        """The next event for a consumer, waiting until it may have one; None once it is gone."""
        with self._changed:
            self._changed.wait_for(lambda: consumer.is_gone or consumer.may_have(self._queues))
            if consumer.is_gone:
                return None
            event = self._queues[consumer.stream].popleft()
            consumer.in_flight[event.number] = event
            return event

    def settle(self, consumer: "_Consumer", number: int) -> None:
        """An acknowledgement came."""
        with self._changed:
            event = consumer.in_flight.pop(number)
            self._unsettled -= 1
            self._changed.notify_all()
        self.ledger.acknowledge(event.stream, event.payload)

    def stop_sending(self, consumer: "_Consumer") -> None:
        with self._changed:
            consumer.wants_more = False

    def give_up(self, consumer: "_Consumer") -> None:
        """A consumer is gone: what it did not acknowledge comes first for the next one."""
        with self._changed:
            consumer.is_gone = True
            if consumer.stream:
                left = [consumer.in_flight[number] for number in sorted(consumer.in_flight)]
                self._queue(consumer.stream).extendleft(reversed(left))
            consumer.in_flight.clear()
            self._changed.notify_all()


class _Consumer:
    """One connection: a thread that reads answers and one that sends events."""

    def __init__(self, broker: Broker, connection: socket.socket) -> None:
        self.stream = ""
        self.in_flight: dict[int, _Event] = {}
        self.wants_more = True
        self.is_gone = False
        self._broker = broker
        self._connection = connection

    def may_have(self, queues: dict[str, deque[_Event]]) -> bool:
        return self.wants_more and len(self.in_flight) < WINDOW and bool(queues.get(self.stream))

    def read(self) -> None:
        with self._connection, suppress(OSError), self._connection.makefile("rb") as answers:
            self.stream = answers.readline().decode().strip()
            threading.Thread(target=self._send, daemon=True).start()
            while len(answer := answers.read(ANSWER.size)) == ANSWER.size:
                self._obey(*ANSWER.unpack(answer))
        self._broker.give_up(self)

    def _obey(self, kind: bytes, number: int) -> None:
        if kind == ACKNOWLEDGE:
            self._broker.settle(self, number)
        else:
            self._broker.stop_sending(self)

    def _send(self) -> None:
        with suppress(OSError):  # it is gone, which the reading thread sees too
            while (event := self._broker.take(self)) is not None:
                header = HEADER.pack(event.number, len(event.payload))
                self._connection.sendall(header + event.payload)
