"""The side of the broker that lives in the ingestor: a source like the office's own channel."""

import select
import socket
import threading
from collections.abc import Callable
from functools import partial

from faults.broker import ACKNOWLEDGE, ANSWER, HEADER, READ_BYTES, STOP
from utils.pipeline_utils import Delivery

Announce = Callable[[str], None]
Frame = tuple[int, bytes]


class BrokerSource:
    """Receives a stream's events from the broker, and acknowledges them there."""

    def __init__(self, path: str, stream: str, announce: Announce) -> None:
        self._stream = stream
        self._announce = announce
        self._unread = b""
        self._redelivered: list[Frame] = []
        self._ended = False
        self._sending = threading.Lock()
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(path)
        self._connection.sendall(f"{stream}\n".encode())

    @property
    def closed(self) -> bool:
        """Whether nothing further will come."""
        return self._ended

    def receive(self, timeout: float | None = None) -> Delivery | None:
        """The next event; None if there was none within `timeout` seconds."""
        frame = self._next_frame(timeout)
        if frame is None:
            return None
        return Delivery(
            frame[1],
            on_acknowledge=partial(self._acknowledge, frame[0]),
            on_redeliver=partial(self._redelivered.append, frame),
        )

    def close(self) -> None:
        """Ask for no further events; what was sent already can be received."""
        self._answer(STOP, 0)

    def _next_frame(self, timeout: float | None) -> Frame | None:
        if self._redelivered:
            return self._redelivered.pop()
        frame = self._parse()
        if frame is None and select.select([self._connection], [], [], timeout)[0]:
            read = self._connection.recv(READ_BYTES)
            self._ended = not read
            self._unread += read
            frame = self._parse()
        return frame

    def _parse(self) -> Frame | None:
        """The first frame of what was read, where it is complete."""
        if len(self._unread) < HEADER.size:
            return None
        number, length = HEADER.unpack_from(self._unread)
        end = HEADER.size + length
        if len(self._unread) < end:
            return None
        payload, self._unread = self._unread[HEADER.size : end], self._unread[end:]
        return number, payload

    def _acknowledge(self, number: int) -> None:
        self._announce(f"before acknowledge {self._stream}")
        self._answer(ACKNOWLEDGE, number)
        self._announce(f"after acknowledge {self._stream}")

    def _answer(self, kind: bytes, number: int) -> None:
        with self._sending:
            self._connection.sendall(ANSWER.pack(kind, number))
