"""NATS JetStream as a transport, for offices that one process doesn't carry.

Each stream is a work queue in the broker's files, which all its subscribers share: an event goes to
one of them, again to any where it was not acknowledged in time, and is removed when it was.
"""

import asyncio
import logging
import ssl
import threading
import time
import uuid
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

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

from utils.pipeline_utils import Delivery

CONSUMER: Final = "ingestor"
FETCH_AT_MOST: Final = 1_000
ACKNOWLEDGE_SECONDS: Final = 30.0
"""What isn't acknowledged so long after it went out goes out again."""
HOLD_SECONDS: Final = 20.0
"""What a subscriber has held for so long it lets go of: it comes again."""
UNACKNOWLEDGED_AT_MOST: Final = 50_000
STREAM_BYTES: Final = 4 * 1024**3
"""A full stream takes nothing more until something was acknowledged: publishers wait."""
REPEAT_SECONDS: Final = 120.0
"""For so long the broker knows a message by its id, and takes it once."""

_CONNECT_SECONDS: Final = 2
_RECONNECT_SECONDS: Final = 1
_PING_SECONDS: Final = 5
_CALL_SECONDS: Final = 10.0
_REQUEST_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 3.0
_GIVE_BACK_SECONDS: Final = 0.2
_PROBE_SECONDS: Final = 0.2
_CHECK_SECONDS: Final = 5.0

# The client's time-outs are not all of one class.
_NO_ANSWER: Final = (
    TimeoutError,
    nats.errors.NoRespondersError,
    nats.errors.ConnectionClosedError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.ConnectionReconnectingError,
    nats.js.errors.ServiceUnavailableError,
)
# The broker has no such stream, or no such subscribers: it has lost its files.
_NOT_THERE: Final = (nats.js.errors.NotFoundError, nats.js.errors.NoStreamResponseError)

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class BrokerError(Exception):
    """There is no broker, or it lets us not in; the text says which, and no password."""


class Broker:
    """A link to a broker, kept up by a thread of its own; it comes back by itself when it was lost.

    Args:
        url: `nats://user:password@host:4222`, or `tls://` for an encrypted link.
        name: What the broker's list of connections calls this one.
        ca: File of the certificate authority that vouches for the broker; None for the system's.
        seconds: How long to wait for the broker to be there.

    Raises:
        BrokerError: It wasn't, or it refuses us.
    """

    def __init__(
        self, url: str, *, name: str, ca: Path | None = None, seconds: float = 10.0
    ) -> None:
        self._url = url
        self._options: dict[str, Any] = {"name": name, "connect_timeout": _CONNECT_SECONDS}
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
        # For the sinks and sources: the client's view of JetStream.
        self.jetstream: Final = self._client.jetstream(timeout=_REQUEST_SECONDS)

    @property
    def is_connected(self) -> bool:
        """Whether the link is up at this moment."""
        return self._client.is_connected

    def sink(self, stream: str) -> "JetStreamSink":
        """Where a publisher puts a stream's events."""
        return JetStreamSink(self, stream)

    def source(self, stream: str) -> "JetStreamSource":
        """Where a subscriber takes a stream's events from, beside others that do the same."""
        source = JetStreamSource(self, stream)
        self._sources.append(source)
        return source

    def close(self) -> None:
        """Give back what is held, and end the link, where it isn't ended."""
        if self._is_closing:
            return
        self._is_closing = True
        for source in self._sources:
            # What can't be given back comes again later.
            with suppress(TimeoutError, nats.errors.Error):
                source.give_back()
        with suppress(TimeoutError, nats.errors.Error):
            self.call(self._close(), _CLOSE_SECONDS)
        self._end_loop()

    # What follows is for the sinks and sources.

    def call(self, work: Coroutine[Any, Any, T], seconds: float = _CALL_SECONDS) -> T:
        """Have the link's thread do something, and wait for it.

        Raises:
            TimeoutError: It took longer.
        """

        async def in_time() -> T:
            return await asyncio.wait_for(work, seconds)

        return asyncio.run_coroutine_threadsafe(in_time(), self._loop).result()

    def soon(self, work: Coroutine[Any, Any, object]) -> None:
        """Have the link's thread do something, and don't wait for it."""
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
            # The client has a class for it, and doesn't always use it.
            if "authorization" in str(trouble).lower():
                raise BrokerError(f"the broker at {self._address} refuses us")
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
        """Why there is no way in: a link that comes back by itself would try on, and not say."""
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
            # Behind a certificate that is refused it would wait for ever.
            with suppress(TimeoutError):
                await asyncio.wait_for(probe.close(), _PROBE_SECONDS)
        return None

    async def _close(self) -> None:
        # Not drain(), which may time out although everything is said.
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
    """Where a publisher puts the events of one stream: into the broker's files."""

    def __init__(self, broker: Broker, stream: str) -> None:
        self._broker = broker
        self._stream = stream
        self._offered: tuple[bytes, str] | None = None

    def publish(self, payload: bytes, timeout: float | None = None) -> bool:
        """Hand over one event; False if it was not taken within `timeout` seconds.

        Offered again behind that, it is taken once, however many of the offers went through.
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
        await self._broker.jetstream.publish(subject_of(self._stream), payload, headers=headers)


@dataclass(frozen=True)
class _Held:
    """A message that is out to us, and when it came."""

    message: Msg
    came_at: float

    @property
    def is_ours(self) -> bool:
        """Whether it goes out to nobody else for some time yet."""
        return time.monotonic() - self.came_at < HOLD_SECONDS


class JetStreamSource:
    """Where a subscriber takes the events of one stream from.

    In the order of their publication for one subscriber while nothing fails; several share them.
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

        With 0 seconds, of those that have come together with an earlier one.
        """
        while self._held and not self._held[0].is_ours:
            self._held.popleft()
        if not self._held and timeout != 0:
            self._fetch(timeout or _CALL_SECONDS)
        return self._delivery(self._held.popleft()) if self._held else None

    def give_back(self) -> None:
        """Let others have at once what is held here."""
        self._broker.call(self._give_back())

    def _delivery(self, held: _Held) -> Delivery:
        return Delivery(
            held.message.data,
            on_acknowledge=lambda: self._acknowledge(held.message),
            on_redeliver=lambda: self._held.appendleft(held),
        )

    def _acknowledge(self, message: Msg) -> None:
        """Have the broker told, of all that is settled until the link's thread comes to it."""
        with self._settling:
            self._settled.append(message)
            is_first = len(self._settled) == 1
        if is_first:
            self._broker.soon(self._send_settled())

    async def _send_settled(self) -> None:
        with self._settling:
            settled, self._settled = self._settled, []
        for message in settled:
            # What the broker isn't told comes again.
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
            # To one that is no longer there, asking for messages is as to one that has none.
            await self._subscription.consumer_info()
            self._last_there = time.monotonic()
        return await self._subscription.fetch(FETCH_AT_MOST, seconds)

    async def _give_back(self) -> None:
        held, self._held = [each.message for each in self._held], deque()
        if self._subscription is not None:
            # What came too late for the last call that asked for it.
            with suppress(TimeoutError):
                held += await self._subscription.fetch(FETCH_AT_MOST, _GIVE_BACK_SECONDS)
            await self._subscription.unsubscribe()
        for message in held:
            await message.nak()


def subject_of(stream: str) -> str:
    """What a stream's events are published under."""
    return f"office.{stream}"


def name_of(stream: str) -> str:
    """What the broker calls a stream."""
    return f"office_{stream}"


async def make_stream(jetstream: JetStreamContext, stream: str) -> None:
    """Make the stream where it isn't there; one that was made otherwise, replicated say, stays."""
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
    """Take part in the stream, which is made where it isn't there."""
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
