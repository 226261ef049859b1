"""Named pipes as a transport: one pipe per stream, with one publisher and one subscriber.

An event is a frame: its length in bytes, as an unsigned big-endian number of 32 bytes, and then the
event itself.

A pipe acknowledges nothing and keeps nothing. The kernel holds up to 64 KiB for as long as somebody
has the pipe open, and what was read is in the subscriber's memory alone until it is processed. So
the subscriber reads on only when all that it has read is acknowledged.
"""

import errno
import fcntl
import logging
import os
import select
import stat
import time
from collections import deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Final

from utils.pipeline_utils import Delivery, RefusedError

HEADER_BYTES: Final = 32
MOST_BYTES: Final = 8 * 1024**2
"""The most bytes of an event. The length of a longer one is taken for a mistake."""
READ_BYTES: Final = 64 * 1024
"""The most bytes that are read at once; a subscriber that is killed loses no more."""

# Every allowed length begins with so many zero bytes, and no JSON text holds a zero byte.
_MARK: Final = bytes(HEADER_BYTES - 3)
_RECEIVE_SECONDS: Final = 10.0
_REST_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 0.1
# Events hold patients' data.
_OWNER_ONLY: Final = 0o600

# What is said of a pipe behind "the pipe of claim".
_NOT_THERE: Final = "is not there"
_NO_PUBLISHER: Final = "has no publisher"
_NO_SUBSCRIBER: Final = "has no subscriber"

_logger = logging.getLogger(__name__)


class PipeError(Exception):
    """A pipe cannot be used. The text says why."""


class Pipes:
    """The pipes of the streams.

    Args:
        paths: The path of each stream's pipe.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self.sources: Final[dict[str, PipeSource]] = {}
        self._sinks: list[PipeSink] = []

    def source(self, stream: str) -> "PipeSource":
        """The source for the only subscriber of this stream.

        Raises:
            PipeError: The pipe has a subscriber already, or its folder cannot be written to.
        """
        source = self.sources[stream] = PipeSource(self._paths[stream], stream)
        return source

    def sink(self, stream: str) -> "PipeSink":
        """The sink for the publisher of this stream, with a new pipe.

        Raises:
            PipeError: The pipe cannot be made.
        """
        sink = PipeSink(self._paths[stream], stream)
        self._sinks.append(sink)
        return sink

    def problems(self) -> list[str]:
        """Why nothing comes out of the pipes, in words; empty if each has a publisher."""
        return [
            f"the pipe of {stream} {source.trouble}"
            for stream, source in list(self.sources.items())
            if source.trouble
        ]

    def close(self) -> None:
        """Close the pipes, and let other subscribers have them."""
        ends: list[PipeSource | PipeSink] = [*self.sources.values(), *self._sinks]
        for end in ends:
            end.close()


class _End:
    """One end of a pipe, and what keeps it from being used."""

    def __init__(self, path: Path, stream: str, trouble: str) -> None:
        self._path = path
        self._stream = stream
        self._trouble: str | None = trouble
        self._pipe: int | None = None

    @property
    def trouble(self) -> str | None:
        """What is wrong with the pipe, such as `has no publisher`; None if it is in use."""
        return self._trouble

    def _becomes(self, trouble: str | None) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        told = {"stream": self._stream, **({"trouble": trouble} if trouble else {})}
        _logger.info("pipe waits" if trouble else "pipe is in use", extra=told)

    def _opened(self, flags: int, words: Mapping[int, str]) -> int | None:
        """Open the pipe; None if it cannot be used at present.

        Args:
            flags: For reading or for writing.
            words: What to say of an error, by its number.
        """
        try:
            pipe = os.open(self._path, flags | os.O_NONBLOCK)
        except OSError as error:
            reason = f"can't be opened ({error.strerror})"
            self._becomes(words.get(error.errno or 0, reason))
            return None
        if stat.S_ISFIFO(os.fstat(pipe).st_mode):
            return pipe
        os.close(pipe)
        self._becomes("is not a pipe")
        return None

    def _turn_to(self, pipe: int | None) -> None:
        """Close the present pipe, if any, now that the next one is open."""
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = pipe


class PipeSource(_End):
    """Gives the events of one stream to its only subscriber.

    It waits until there is a pipe and somebody writes to it. When the publisher has ended it waits
    for the next one, whether that takes the same pipe or makes another one of the same name.

    Args:
        path: The pipe.
        stream: What the log calls the stream.

    Raises:
        PipeError: The pipe has a subscriber already, or its folder cannot be written to.
    """

    closed: Final = False

    def __init__(self, path: Path, stream: str) -> None:
        super().__init__(path, stream, _NOT_THERE)
        self._lock = _locked(path)
        self._frames = Frames(stream)
        self._read: deque[bytes] = deque()
        self._delivered = 0

    @property
    def broken_frames(self) -> int:
        """The number of frames that were cut off or had an absurd length."""
        return self._frames.broken

    def receive(self, timeout: float | None = None) -> Delivery | None:
        """Take the next event; None if there was none within `timeout` seconds.

        While a delivered event is not acknowledged, nothing is read. With a timeout of 0, an event
        is read only if a part of it was read before.
        """
        if not self._read and not self._delivered:
            if timeout == 0:
                self._read_rest()
            else:
                self._read_on(timeout or _RECEIVE_SECONDS)
        if not self._read:
            return None
        payload = self._read.popleft()
        self._delivered += 1
        return Delivery(
            payload,
            on_acknowledge=self._settle,
            on_redeliver=partial(self._redeliver, payload),
        )

    def close(self) -> None:
        """Close the pipe. What is in it waits for another subscriber while a publisher has it."""
        self._turn_to(None)
        self._lock.close()

    def _settle(self) -> None:
        self._delivered -= 1

    def _redeliver(self, payload: bytes) -> None:
        self._read.appendleft(payload)
        self._settle()

    def _read_rest(self) -> None:
        """Read the rest of an event that has begun; if it does not come, take what there is."""
        deadline = time.monotonic() + _REST_SECONDS
        while (missing := self._frames.missing) and (left := deadline - time.monotonic()) > 0:
            self._read_on(left, missing)
        self._read.extend(self._frames.end())

    def _read_on(self, seconds: float, most: int = READ_BYTES) -> None:
        """Wait until there is something to read, and read it."""
        if self._pipe is None:
            self._open()
        if self._pipe is None:
            time.sleep(seconds)
            return
        _wait_for(self._pipe, select.POLLIN, seconds)
        try:
            data = os.read(self._pipe, most)
        except BlockingIOError:
            self._becomes(None)
            return
        if data:
            self._becomes(None)
            self._read.extend(self._frames.add(data))
        else:
            self._becomes(_NO_PUBLISHER)
            self._read.extend(self._frames.end())
            self._open()

    def _open(self) -> None:
        """Open the pipe, again if it is open: perhaps it is another one by now.

        A pipe whose publisher has ended reports its end at once, as often as it is asked. One that
        is opened after that waits for the next publisher. The old one is closed after that, so that
        a publisher that has come meanwhile always has a reader.
        """
        self._turn_to(self._opened(os.O_RDONLY, {errno.ENOENT: _NOT_THERE}))


class Frames:
    """Cuts what is read from a pipe into events.

    If a frame is cut off, what there is of its event is taken for the event. If its length is
    absurd, nobody knows where it ends: its bytes are taken for an event, up to the zero bytes that
    the next frame begins with.

    Args:
        stream: What the log calls the stream.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._bytes = bytearray()
        self._broken = 0

    @property
    def broken(self) -> int:
        """The number of frames that were cut off or had an absurd length."""
        return self._broken

    @property
    def missing(self) -> int:
        """The bytes of the frame that has begun, as far as known; 0 if none can be waited for."""
        there = len(self._bytes)
        if 0 < there < HEADER_BYTES:
            return HEADER_BYTES - there
        return HEADER_BYTES + self._length - there if 0 < self._length <= MOST_BYTES else 0

    def add(self, data: bytes) -> list[bytes]:
        """Take what was read; returns the events that are complete by now."""
        self._bytes += data
        return list(iter(self._next, None))

    def end(self) -> list[bytes]:
        """Take the end of the stream; returns what there is of an event that was cut off."""
        if not self._bytes:
            return []
        begins_with_length = self._bytes.startswith(_MARK[: len(self._bytes)])
        part = self._broken_off("cut off", len(self._bytes))
        event = part[HEADER_BYTES:] if begins_with_length else part
        return [event] if event else []

    @property
    def _length(self) -> int:
        return int.from_bytes(self._bytes[:HEADER_BYTES], "big")

    def _next(self) -> bytes | None:
        """The first event, if it is complete."""
        if len(self._bytes) < HEADER_BYTES:
            return None
        length = self._length
        if length > MOST_BYTES:
            return self._absurd()
        end = HEADER_BYTES + length
        return self._taken(end)[HEADER_BYTES:] if end <= len(self._bytes) else None

    def _absurd(self) -> bytes | None:
        """The bytes up to the next frame, if that has begun or they are too many."""
        next_frame = self._bytes.find(_MARK, 1)
        if next_frame > 0:
            return self._broken_off("absurd length", next_frame)
        if len(self._bytes) > MOST_BYTES:
            return self._broken_off("absurd length", len(self._bytes) - len(_MARK))
        return None

    def _broken_off(self, why: str, length: int) -> bytes:
        self._broken += 1
        told = {"stream": self._stream, "reason": why, "bytes": length}
        _logger.warning("broken frame", extra=told)
        return self._taken(length)

    def _taken(self, length: int) -> bytes:
        taken = bytes(self._bytes[:length])
        del self._bytes[:length]
        return taken


class PipeSink(_End):
    """Publishes the events of one stream into a pipe that it makes anew.

    It waits for a subscriber. When the subscriber has ended it waits for the next one, and keeps
    the pipe open, so that what the pipe holds is not lost.

    Args:
        path: The pipe.
        stream: What the log calls the stream.

    Raises:
        PipeError: The pipe cannot be made.
    """

    def __init__(self, path: Path, stream: str) -> None:
        super().__init__(path, stream, _NOT_THERE)
        make_pipe(path)
        self._begun = b""
        self._rest = memoryview(b"")

    def publish(self, payload: bytes, timeout: float | None = None) -> bool:
        """Publish one event; False if the pipe did not take all of it within `timeout` seconds.

        An event that was taken in part must be published again. Then only its rest is written.

        Raises:
            RefusedError: It is larger than a frame may be.
        """
        if len(payload) > MOST_BYTES:
            raise RefusedError(f"it has {len(payload)} bytes, and a frame holds {MOST_BYTES}")
        deadline = time.monotonic() + (timeout or _RECEIVE_SECONDS)
        if self._rest and self._begun != payload and not self._write_rest(deadline):
            return False
        if not self._rest:
            self._begin(payload)
        if self._write_rest(deadline):
            return True
        if len(self._rest) == HEADER_BYTES + len(payload):
            self._rest = memoryview(b"")
        return False

    def close(self) -> None:
        """Close the pipe. Its subscriber can read what is in it."""
        self._turn_to(None)

    def _begin(self, payload: bytes) -> None:
        self._begun, self._rest = payload, memoryview(frame_of(payload))

    def _write_rest(self, deadline: float) -> bool:
        while self._rest:
            written = self._write()
            self._rest = self._rest[written:]
            left = deadline - time.monotonic()
            if not written and left <= 0:
                return False
            if not written:
                self._wait(left)
        return True

    def _write(self) -> int:
        """Write as much as the pipe takes at present; returns the number of bytes."""
        if self._pipe is None:
            self._open()
        if self._pipe is None:
            return 0
        try:
            written = os.write(self._pipe, self._rest)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            self._lose_subscriber(self._pipe)
            return 0
        self._becomes(None)
        return written

    def _lose_subscriber(self, pipe: int) -> None:
        """Keep the pipe for the next subscriber, unless that would open another one."""
        self._becomes(_NO_SUBSCRIBER)
        if not _is_at(self._path, pipe):
            self._turn_to(None)
            self._begin(self._begun)

    def _open(self) -> None:
        if not self._path.exists():
            make_pipe(self._path)
        self._turn_to(self._opened(os.O_WRONLY, {errno.ENXIO: _NO_SUBSCRIBER}))

    def _wait(self, seconds: float) -> None:
        """Wait for room in the pipe, or a moment if nobody reads it."""
        if self._pipe is not None and self._trouble is None:
            _wait_for(self._pipe, select.POLLOUT, seconds)
        else:
            time.sleep(min(seconds, _AGAIN_SECONDS))


def frame_of(payload: bytes) -> bytes:
    """An event as it is written to a pipe."""
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


def make_pipe(path: Path) -> None:
    """Make a pipe anew. Whoever has an earlier pipe of that name open keeps it.

    Raises:
        PipeError: It cannot be made, or something else has its name.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        if path.exists() and not path.is_fifo():
            raise PipeError(f"{path} is not a pipe")
        new.unlink(missing_ok=True)
        os.mkfifo(new, _OWNER_ONLY)
        new.rename(path)
    except OSError as error:
        raise PipeError(f"the pipe {path} can't be made ({error.strerror})") from None


def _locked(path: Path) -> IO[bytes]:
    """The lock of a pipe's subscriber, in a file beside the pipe. The kernel frees it at its end.

    Raises:
        PipeError: Somebody else has it, or the file cannot be written.
    """
    beside = path.with_name(f"{path.name}.lock")
    try:
        lock = beside.open("ab")
    except OSError as error:
        raise PipeError(f"a subscriber must be able to write {beside} ({error.strerror})") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise PipeError(f"the pipe {path} has a subscriber already") from None
    return lock


def _is_at(path: Path, pipe: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(pipe))
    except FileNotFoundError:
        return False


def _wait_for(pipe: int, events: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(pipe, events)
    poll.poll(1000 * seconds)
