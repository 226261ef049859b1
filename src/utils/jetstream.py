"""NATS JetStream as a transport, for loads that are too large for one process.

Each stream is a work queue in the broker's files, shared by all its subscribers. An event goes to
one of them. It is removed when it is acknowledged; if that takes too long, it goes to any of them
again.
"""

import asyncio
import logging
import ssl
import threading
import time
import uuid
from collections import deque
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import (
    ConsumerConfig,
    DiscardPolicy,
    Header,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from utils.pipeline_utils import Delivery, RefusedError

CONSUMER: Final = "ingestor"
FETCH_AT_MOST: Final = 1_000
ACKNOWLEDGE_SECONDS: Final = 30.0
"""An event that is not acknowledged within this time is delivered again."""
HOLD_SECONDS: Final = 20.0
"""A subscriber drops an event that it has held for this time: the broker delivers it again."""
UNACKNOWLEDGED_AT_MOST: Final = 50_000
STREAM_BYTES: Final = 4 * 1024**3
"""A stream of this size is full: publishers wait until events have been acknowledged."""
REPEAT_SECONDS: Final = 120.0
"""The broker accepts a message id once within this time."""

_CONNECT_SECONDS: Final = 2
_RECONNECT_SECONDS: Final = 1
_PING_SECONDS: Final = 5
_CALL_SECONDS: Final = 10.0
_REQUEST_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 3.0
_GIVE_BACK_SECONDS: Final = 0.2
_PROBE_SECONDS: Final = 0.2
_CHECK_SECONDS: Final = 5.0

# The client reports a time-out by several classes.
_NO_ANSWER: Final = (
    TimeoutError,
    nats.errors.NoRespondersError,
    nats.errors.ConnectionClosedError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.ConnectionReconnectingError,
    nats.js.errors.ServiceUnavailableError,
)
# The broker does not know the stream or the consumer, for example because it has lost its files.
_NOT_THERE: Final = (nats.js.errors.NotFoundError, nats.js.errors.NoStreamResponseError)
# The broker's code for a message that is larger than its stream allows.
_LARGER_THAN_STREAM_ALLOWS: Final = 10054

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class BrokerError(Exception):
    """The broker cannot be reached or refuses the login. The text never holds the password."""


class Broker:
    """A connection to a broker, run by its own thread. A lost connection is opened again.

    Args:
        url: `nats://user:password@host:4222`, or `tls://` for an encrypted connection. User and
            password are percent-encoded.
        name: The name of this connection in the broker's list.
        password: The password as it is, if the URL names a user and no password.
        ca: File of the certificate authority that signed the broker's certificate; None for those
            of the system.
        seconds: How long to wait until the broker can be reached.

    Raises:
        BrokerError: The broker cannot be reached, or it refuses the login.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        password: str | None = None,
        ca: Path | None = None,
        seconds: float = 10.0,
    ) -> None:
        self._url = _without_login(url)
        self._options: dict[str, Any] = {
            "name": name,
            "connect_timeout": _CONNECT_SECONDS,
            **_login(url, password),
        }
        if urlsplit(url).scheme == "tls":
            self._options["tls"] = ssl.create_default_context(cafile=ca)
        has_loop = threading.Event()
        self._thread = threading.Thread(
            target=self._run_loop, args=(has_loop,), name="broker", daemon=True
        )
        self._thread.start()
        has_loop.wait()
        self._sources: list[JetStreamSource] = []
        self._is_closing = False
        try:
            self._client = self.call(self._connect(seconds), seconds + _CALL_SECONDS)
        except BaseException:
            self._end_loop()
            raise
        # Used by the sinks and sources.
        self.jetstream: Final = self._client.jetstream(timeout=_REQUEST_SECONDS)

    @property
    def is_connected(self) -> bool:
        """Whether the connection is open at this moment."""
        return self._client.is_connected

    def problems(self) -> list[str]:
        """Why nothing is received, in words; empty if the connection is open."""
        return [] if self.is_connected else ["the broker does not answer"]

    def sink(self, stream: str) -> "JetStreamSink":
        """The sink for a publisher of this stream."""
        return JetStreamSink(self, stream)

    def source(self, stream: str) -> "JetStreamSource":
        """The source for a subscriber of this stream, which other subscribers may share."""
        source = JetStreamSource(self, stream)
        self._sources.append(source)
        return source

    def close(self) -> None:
        """Give back the events that are held, and close the connection if it is open."""
        if self._is_closing:
            return
        self._is_closing = True
        for source in self._sources:
            # Events that cannot be given back are delivered again later.
            with suppress(OSError, nats.errors.Error):
                source.give_back()
        # Where the broker is away, the client tries to send through the lost connection.
        with suppress(OSError, nats.errors.Error):
            self.call(self._close(), _CLOSE_SECONDS)
        self._end_loop()

    # The next three methods are for the sinks and sources.

    def require_room(self, payload: bytes, headers: Mapping[str, str]) -> None:
        """Refuse a message that is too large for the broker.

        The client checks the payload alone. The broker counts the headers, too, and would close
        the connection.

        Raises:
            RefusedError: It is too large.
        """
        size, most = len(payload) + size_of(headers), self._client.max_payload
        if size > most:
            raise RefusedError(f"with its headers it has {size} bytes, and the broker takes {most}")

    def call(self, work: Coroutine[Any, Any, T], seconds: float = _CALL_SECONDS) -> T:
        """Run a coroutine in the connection's thread, and wait for its result.

        Raises:
            TimeoutError: It took longer than `seconds`.
        """

        async def in_time() -> T:
            return await asyncio.wait_for(work, seconds)

        return asyncio.run_coroutine_threadsafe(in_time(), self._loop).result()

    def soon(self, work: Coroutine[Any, Any, object]) -> None:
        """Start a coroutine in the connection's thread, without waiting for it."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run_loop(self, has_loop: threading.Event) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._ending = asyncio.Event()
            has_loop.set()
            runner.run(self._ending.wait())

    async def _connect(self, seconds: float) -> Client:
        deadline = time.monotonic() + seconds
        while (trouble := await self._probe()) is not None:
            # The client has a class for this error, but does not always use it.
            if "authorization" in str(trouble).lower():
                raise BrokerError(f"the broker at {self._address} refuses the login")
            if time.monotonic() >= deadline:
                raise BrokerError(f"no broker at {self._address} ({type(trouble).__name__})")
            await asyncio.sleep(_PROBE_SECONDS)
        return await nats.connect(
            self._url,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_SECONDS,
            ping_interval=_PING_SECONDS,
            error_cb=_log_error,
            disconnected_cb=self._log_lost,
            reconnected_cb=_log_found,
            **self._options,
        )

    async def _probe(self) -> Exception | None:
        """Try to connect once; return the error, None if it worked.

        A connection that reconnects by itself would keep trying, and not report the error.
        """
        reasons: list[Exception] = []

        async def note(reason: Exception) -> None:
            reasons.append(reason)

        probe = Client()
        try:
            await probe.connect(
                self._url,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                error_cb=note,
                **self._options,
            )
        except (OSError, nats.errors.Error) as error:
            return [*reasons, error][0]
        finally:
            # After a refused certificate, close() would wait for ever.
            with suppress(TimeoutError):
                await asyncio.wait_for(probe.close(), _PROBE_SECONDS)
        return None

    async def _close(self) -> None:
        # drain() is not used: it may time out although everything was sent.
        await self._client.flush()
        await self._client.close()

    async def _log_lost(self) -> None:
        if not self._is_closing:
            _logger.warning("broker link lost")

    @property
    def _address(self) -> str:
        parts = urlsplit(self._url)
        return f"{parts.hostname}:{parts.port or 4222}"

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(_CLOSE_SECONDS)


class JetStreamSink:
    """Publishes the events of one stream to the broker, which keeps them in files."""

    def __init__(self, broker: Broker, stream: str) -> None:
        self._broker = broker
        self._stream = stream
        self._offered: tuple[bytes, str] | None = None

    def publish(self, payload: bytes, timeout: float | None = None) -> bool:
        """Publish one event; False if the broker did not confirm it within `timeout` seconds.

        If the same event is then published again, the broker still stores it only once.

        Raises:
            RefusedError: It is larger than the broker takes.
        """
        if self._offered is None or self._offered[0] != payload:
            self._offered = (payload, uuid.uuid4().hex)
        try:
            self._broker.call(self._publish(*self._offered), timeout or _CALL_SECONDS)
        except _NOT_THERE:
            self._broker.call(make_stream(self._broker.jetstream, self._stream))
            return False
        except _NO_ANSWER:
            return False
        self._offered = None
        return True

    async def _publish(self, payload: bytes, message_id: str) -> None:
        headers = {Header.MSG_ID.value: message_id}
        self._broker.require_room(payload, headers)
        try:
            await self._broker.jetstream.publish(subject_of(self._stream), payload, headers=headers)
        except nats.js.errors.APIError as error:
            if error.err_code == _LARGER_THAN_STREAM_ALLOWS:
                raise RefusedError("it is larger than the broker's stream allows") from None
            raise


@dataclass(frozen=True)
class _Held:
    """A message that the broker has delivered to us, and its time of arrival."""

    message: Msg
    came_at: float

    @property
    def is_ours(self) -> bool:
        """Whether the broker will not deliver it to another subscriber soon."""
        return time.monotonic() - self.came_at < HOLD_SECONDS


class JetStreamSource:
    """Gives the events of one stream to a subscriber.

    A single subscriber gets them in the order of publication as long as nothing fails. Several
    subscribers share the events.
    """

    closed: Final = False

    def __init__(self, broker: Broker, stream: str) -> None:
        self._broker = broker
        self._stream = stream
        self._held: deque[_Held] = deque()
        self._settled: list[Msg] = []
        self._settling = threading.Lock()
        self._subscription: JetStreamContext.PullSubscription | None = None
        self._last_there = 0.0

    def receive(self, timeout: float | None = None) -> Delivery | None:
        """Take the next event; None if there was none within `timeout` seconds.

        With a timeout of 0 it does not ask the broker, and only takes events that arrived earlier.
        """
        while self._held and not self._held[0].is_ours:
            self._held.popleft()
        if not self._held and timeout != 0:
            self._fetch(timeout or _CALL_SECONDS)
        return self._delivery(self._held.popleft()) if self._held else None

    def give_back(self) -> None:
        """Give back the events that are held here, so that others get them at once."""
        self._broker.call(self._give_back())

    def _delivery(self, held: _Held) -> Delivery:
        return Delivery(
            held.message.data,
            on_acknowledge=lambda: self._acknowledge(held.message),
            on_redeliver=lambda: self._held.appendleft(held),
        )

    def _acknowledge(self, message: Msg) -> None:
        """Queue an acknowledgement; the connection's thread sends all queued ones together."""
        with self._settling:
            self._settled.append(message)
            is_first = len(self._settled) == 1
        if is_first:
            self._broker.soon(self._send_settled())

    async def _send_settled(self) -> None:
        with self._settling:
            settled, self._settled = self._settled, []
        for message in settled:
            # If an acknowledgement does not reach the broker, the event is delivered again.
            with suppress(nats.errors.Error):
                await message.ack()

    def _fetch(self, seconds: float) -> None:
        if not self._broker.is_connected:
            time.sleep(seconds)
            return
        try:
            messages = self._broker.call(self._next_messages(seconds), seconds + _CALL_SECONDS)
        except _NO_ANSWER:
            return
        except nats.js.errors.Error as error:
            extra = {"stream": self._stream, "error": type(error).__name__}
            _logger.warning("the broker's stream is looked for again", extra=extra)
            self._subscription = None
            time.sleep(seconds)
            return
        came_at = self._last_there = time.monotonic()
        self._held.extend(_Held(message, came_at) for message in messages)

    async def _next_messages(self, seconds: float) -> list[Msg]:
        if self._subscription is None:
            self._subscription = await subscribe(self._broker.jetstream, self._stream)
        if time.monotonic() - self._last_there > _CHECK_SECONDS:
            # Fetching from a deleted consumer looks the same as fetching from an empty one.
            await self._subscription.consumer_info()
            self._last_there = time.monotonic()
        return await self._subscription.fetch(FETCH_AT_MOST, seconds)

    async def _give_back(self) -> None:
        held, self._held = [each.message for each in self._held], deque()
        if self._subscription is not None:
            # Messages that arrived after the last fetch had timed out.
            with suppress(TimeoutError):
                held += await self._subscription.fetch(FETCH_AT_MOST, _GIVE_BACK_SECONDS)
            await self._subscription.unsubscribe()
        for message in held:
            await message.nak()


def size_of(headers: Mapping[str, str]) -> int:
    """The bytes of a message's headers, as they are sent."""
    lines = ["NATS/1.0", *(f"{name}: {value}" for name, value in headers.items()), ""]
    return sum(len(f"{line}\r\n".encode()) for line in lines)


def _login(url: str, password: str | None) -> dict[str, str]:
    """The client's options for the login of a URL. A user without any password is a token."""
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    user = unquote(parts.username)
    if parts.password is not None:
        return {"user": user, "password": unquote(parts.password)}
    return {"token": user} if password is None else {"user": user, "password": password}


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def subject_of(stream: str) -> str:
    """The subject of a stream's events."""
    return f"office.{stream}"


def name_of(stream: str) -> str:
    """The name of a stream in the broker."""
    return f"office_{stream}"


async def make_stream(jetstream: JetStreamContext, stream: str) -> None:
    """Make the stream if it is missing. An existing one stays as it is, for example replicated."""
    config = StreamConfig(
        name=name_of(stream),
        subjects=[subject_of(stream)],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=STREAM_BYTES,
        duplicate_window=REPEAT_SECONDS,
    )
    try:
        await jetstream.add_stream(config)
    except nats.js.errors.BadRequestError:
        await jetstream.stream_info(name_of(stream))


async def subscribe(jetstream: JetStreamContext, stream: str) -> JetStreamContext.PullSubscription:
    """Subscribe to the stream; make the stream and its consumer if they are missing."""
    await make_stream(jetstream, stream)
    config = ConsumerConfig(
        durable_name=CONSUMER,
        ack_wait=ACKNOWLEDGE_SECONDS,
        max_ack_pending=UNACKNOWLEDGED_AT_MOST,
    )
    await jetstream.add_consumer(name_of(stream), config)
    return await jetstream.pull_subscribe_bind(CONSUMER, stream=name_of(stream))


async def _log_error(error: Exception) -> None:
    _logger.warning("broker trouble", extra={"error": type(error).__name__})


async def _log_found() -> None:
    _logger.info("broker link back")
