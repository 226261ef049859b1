"""JetStream as the transport, with the real server: what it promises, and what it says when not."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import pytest
import trustme
from nats.js.api import StreamConfig
from tenacity import wait_none

from e2e.processes import free_port
from integration.passwords import PASSWORDS
from models.subscriber import Subscriber
from pipeline.operations.embedded_broker import MAX_PAYLOAD, PROGRAM, BrokerServer
from utils import jetstream
from utils.jetstream import Broker, BrokerError
from utils.pipeline_utils import Channel, Delivery, RefusedError, Sink, Source
from waits import wait_for

DEADLINE = 60
EVENTS = [b"%d" % number for number in range(300)]

Connect = Callable[[], Broker]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BrokerServer]:
    """A broker of the test's own."""
    made = BrokerServer(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def connect(server: BrokerServer) -> Iterator[Connect]:
    """Links to it, which are closed after the test."""
    with ExitStack() as links:

        def make() -> Broker:
            broker = Broker(server.url, name="test")
            links.callback(broker.close)
            return broker

        yield make


@pytest.fixture(params=["in process", "jetstream"])
def transport(request: pytest.FixtureRequest) -> tuple[Sink, Source]:
    """Either of the transports: where to put events, and where they come from."""
    if request.param == "in process":
        channel = Channel(capacity=1_000)
        return channel, channel
    connect: Connect = request.getfixturevalue("connect")
    return connect().sink("claim"), connect().source("claim")


class Received:
    """A callback that notes what it is given, and fails as often as it is told to."""

    def __init__(self, *, failures: int = 0) -> None:
        self.payloads: list[bytes] = []
        self._failures = failures
        self._lock = threading.Lock()

    def __call__(self, payloads: Sequence[bytes]) -> None:
        with self._lock:
            if self._failures:
                self._failures -= 1
                raise RuntimeError
            self.payloads += payloads


def wait_until(condition: Callable[[], bool]) -> None:
    assert wait_for(condition, DEADLINE), "it never became true"


def subscribed(source: Source, callback: Callable[[Sequence[bytes]], None]) -> Subscriber:
    subscriber = Subscriber(source, callback, name="claim", at_most=100, retry_wait=wait_none())
    subscriber.start()
    return subscriber


def publish_all(sink: Sink, payloads: Sequence[bytes]) -> None:
    for payload in payloads:
        wait_until(lambda payload=payload: sink.publish(payload, 1.0))  # type: ignore[misc]


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """Has a process do nothing meanwhile, as on a machine that is overloaded."""
    process = psutil.Process(pid)
    process.suspend()
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
    try:
        yield
    finally:
        process.resume()


# --- the callback's contract, which is the same on both transports ---


def test_events_arrive_in_their_order_and_once(transport: tuple[Sink, Source]) -> None:
    sink, source = transport
    received = Received()
    subscriber = subscribed(source, received)
    publish_all(sink, EVENTS)
    wait_until(lambda: subscriber.acknowledged == len(EVENTS))
    assert subscriber.stop(10)
    assert received.payloads == EVENTS


def test_events_whose_callback_fails_arrive_again_in_their_order(
    transport: tuple[Sink, Source],
) -> None:
    sink, source = transport
    publish_all(sink, EVENTS)
    received = Received(failures=7)
    subscriber = subscribed(source, received)
    wait_until(lambda: subscriber.acknowledged == len(EVENTS))
    assert subscriber.stop(10)
    assert received.payloads == EVENTS


def test_what_is_held_is_delivered_before_a_subscriber_stops(
    transport: tuple[Sink, Source],
) -> None:
    sink, source = transport
    publish_all(sink, EVENTS[:50])
    has_begun, may_go_on = threading.Event(), threading.Event()
    received = Received()

    def slow(payloads: Sequence[bytes]) -> None:
        has_begun.set()
        may_go_on.wait(DEADLINE)
        received(payloads)

    subscriber = subscribed(source, slow)
    assert has_begun.wait(DEADLINE)
    threading.Timer(0.2, may_go_on.set).start()
    assert subscriber.stop(10)
    assert received.payloads == EVENTS[: subscriber.acknowledged]


def test_an_acknowledged_event_is_settled_once(transport: tuple[Sink, Source]) -> None:
    sink, source = transport
    publish_all(sink, [b"1"])
    delivery = source.receive(10)
    assert delivery is not None
    delivery.acknowledge()
    with pytest.raises(RuntimeError):
        delivery.redeliver()


# --- what only a broker does ---


def test_what_several_threads_acknowledge_at_the_same_time_is_gone(connect: Connect) -> None:
    broker = connect()
    publish_all(broker.sink("claim"), EVENTS)
    source = broker.source("claim")
    deliveries = list(iter(lambda: source.receive(1), None))
    assert len(deliveries) == len(EVENTS)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(Delivery.acknowledge, deliveries))

    def is_empty() -> bool:
        info = broker.call(broker.jetstream.stream_info(jetstream.name_of("claim")))
        return info.state.messages == 0

    wait_until(is_empty)


def test_several_subscribers_share_a_stream(connect: Connect) -> None:
    both = [Received(), Received()]
    subscribers = [subscribed(connect().source("claim"), received) for received in both]
    publish_all(connect().sink("claim"), EVENTS)
    wait_until(lambda: sum(s.acknowledged for s in subscribers) == len(EVENTS))
    assert all(subscriber.stop(10) for subscriber in subscribers)
    assert all(received.payloads for received in both)
    assert sorted(both[0].payloads + both[1].payloads) == sorted(EVENTS)


def test_what_a_subscriber_that_is_gone_had_not_acknowledged_goes_to_another(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "ACKNOWLEDGE_SECONDS", 1.0)
    publish_all(connect().sink("claim"), EVENTS)
    gone = connect().source("claim")
    assert gone.receive(10) is not None
    received = Received()
    other = subscribed(connect().source("claim"), received)
    wait_until(lambda: other.acknowledged == len(EVENTS))
    assert other.stop(10)
    assert sorted(received.payloads) == sorted(EVENTS)


def test_what_was_held_for_too_long_is_let_go_of_and_comes_again(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "ACKNOWLEDGE_SECONDS", 1.0)
    monkeypatch.setattr(jetstream, "HOLD_SECONDS", 0.0)
    publish_all(connect().sink("claim"), [b"1"])
    source = connect().source("claim")
    source._fetch(5)  # noqa: SLF001
    assert source.receive(0) is None
    monkeypatch.setattr(jetstream, "HOLD_SECONDS", 60.0)
    again = source.receive(10)
    assert again is not None
    assert again.payload == b"1"


def test_a_closed_link_gives_back_what_it_held(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The broker would send it again by itself only after an hour.
    monkeypatch.setattr(jetstream, "ACKNOWLEDGE_SECONDS", 3600.0)
    publish_all(connect().sink("claim"), EVENTS)
    broker = connect()
    assert broker.source("claim").receive(10) is not None
    broker.close()
    received = Received()
    other = subscribed(connect().source("claim"), received)
    # All events come again, except the one that was handed out.
    wait_until(lambda: other.acknowledged == len(EVENTS) - 1)
    assert other.stop(10)


def test_a_link_is_closed_while_its_broker_is_away(connect: Connect, server: BrokerServer) -> None:
    publish_all(connect().sink("claim"), EVENTS)
    broker = connect()
    assert broker.source("claim").receive(10) is not None
    server.kill()
    wait_until(lambda: not broker.is_connected)
    broker.close()
    server.start()


def test_publisher_and_subscriber_go_on_behind_a_broker_that_was_killed(
    connect: Connect, server: BrokerServer
) -> None:
    received = Received()
    subscriber = subscribed(connect().source("claim"), received)
    sink = connect().sink("claim")
    publish_all(sink, EVENTS[:100])
    server.kill()
    assert not sink.publish(EVENTS[100], 0.2)
    server.start()
    publish_all(sink, EVENTS[100:])
    wait_until(lambda: set(received.payloads) == set(EVENTS))
    subscriber.stop(10)


def test_what_is_offered_again_is_taken_once(connect: Connect, server: BrokerServer) -> None:
    sink = connect().sink("claim")
    publish_all(sink, [b"before"])
    with standing_still(server.pid):
        assert not sink.publish(b"offered", 0.3)
        assert not sink.publish(b"offered", 0.3)
    publish_all(sink, [b"offered", b"behind"])
    source = connect().source("claim")
    payloads = [delivery.payload for delivery in iter(lambda: source.receive(1), None)]
    assert payloads == [b"before", b"offered", b"behind"]


def test_two_equal_events_are_two(connect: Connect) -> None:
    publish_all(connect().sink("claim"), [b"same", b"same"])
    source = connect().source("claim")
    assert [delivery.payload for delivery in iter(lambda: source.receive(1), None)] == [b"same"] * 2


def test_a_broker_that_lost_its_files_is_set_up_again(
    connect: Connect, server: BrokerServer, tmp_path: Path
) -> None:
    received = Received()
    subscriber = subscribed(connect().source("claim"), received)
    sink = connect().sink("claim")
    publish_all(sink, EVENTS[:1])
    wait_until(lambda: subscriber.acknowledged == 1)
    server.kill()
    shutil.rmtree(tmp_path / "broker" / "streams")
    server.start()
    publish_all(sink, EVENTS[1:])
    wait_until(lambda: received.payloads == EVENTS)
    assert subscriber.stop(10)


def test_a_full_stream_takes_nothing_until_something_was_acknowledged(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "STREAM_BYTES", 100_000)
    sink, source = connect().sink("claim"), connect().source("claim")
    large = b"x" * 30_000
    publish_all(sink, [large])
    taken = 1
    while sink.publish(large, 1.0):
        taken += 1
    assert taken == 3
    delivery = source.receive(10)
    assert delivery is not None
    delivery.acknowledge()
    publish_all(sink, [large])


def test_a_stream_that_the_operator_made_otherwise_stays_as_it_is(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "STREAM_BYTES", 123_456)
    broker = connect()
    broker.source("claim").receive(0.1)
    monkeypatch.undo()
    broker.source("claim").receive(0.1)
    info = broker.call(broker.jetstream.stream_info(jetstream.name_of("claim")))
    assert info.config.max_bytes == 123_456


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_payload_at_the_brokers_limit_is_taken_or_refused_and_the_next_one_is_taken(
    connect: Connect, beyond: int
) -> None:
    sink, source = connect().sink("claim"), connect().source("claim")
    headers = jetstream.size_of({"Nats-Msg-Id": "0" * 32})
    payload = b"x" * (MAX_PAYLOAD - headers + beyond)
    if beyond:
        reason = f"with its headers it has {MAX_PAYLOAD + 1} bytes, and the broker takes"
        with pytest.raises(RefusedError, match=f"^{reason} {MAX_PAYLOAD}$"):
            sink.publish(payload, 5.0)
    else:
        publish_all(sink, [payload])
    publish_all(sink, [b"next"])
    expected = [b"next"] if beyond else [payload, b"next"]
    assert [delivery.payload for delivery in iter(lambda: source.receive(1), None)] == expected


def test_what_the_contract_allows_gets_through_the_broker(connect: Connect) -> None:
    sink, source = connect().sink("claim"), connect().source("claim")
    payload = b"x" * 1_048_576
    publish_all(sink, [payload])
    delivery = source.receive(10)
    assert delivery is not None
    assert delivery.payload == payload


def test_what_is_larger_than_the_operators_stream_allows_is_refused(connect: Connect) -> None:
    broker = connect()
    config = StreamConfig(
        name=jetstream.name_of("claim"),
        subjects=[jetstream.subject_of("claim")],
        max_msg_size=1_000,
    )
    broker.call(broker.jetstream.add_stream(config))
    sink = broker.sink("claim")
    with pytest.raises(RefusedError, match="larger than the broker's stream allows"):
        sink.publish(b"x" * 1_001, 5.0)
    publish_all(sink, [b"next"])


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("place", ["apart", "in the URL"])
def test_any_password_opens_a_broker(tmp_path: Path, password: str, place: str) -> None:
    port = free_port()
    where = ["--addr", "127.0.0.1", "--port", str(port), "--store_dir", str(tmp_path)]
    with subprocess.Popen(
        [str(PROGRAM), "--jetstream", *where, "--user", "office", "--pass", password],
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            if place == "apart":
                broker = Broker(f"nats://office@127.0.0.1:{port}", name="test", password=password)
            else:
                login = f"office:{quote(password, safe='')}"
                broker = Broker(f"nats://{login}@127.0.0.1:{port}", name="test")
            publish_all(broker.sink("claim"), [b"1"])
            broker.close()
            with pytest.raises(BrokerError, match="refuses the login"):
                Broker(f"nats://office@127.0.0.1:{port}", name="test", password=f"{password}1")
        finally:
            process.terminate()


def test_the_password_of_a_url_counts_more_than_one_apart(server: BrokerServer) -> None:
    Broker(server.url, name="test", password="not-it").close()


def test_a_password_that_is_wrong_is_told_without_it(server: BrokerServer) -> None:
    host = server.url.split("@")[1]
    with pytest.raises(BrokerError) as raised:
        Broker(f"nats://office:not-it@{host}", name="test", seconds=30)
    assert str(raised.value) == f"the broker at {host} refuses the login"


def test_a_broker_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    server = BrokerServer(tmp_path / "broker")
    with pytest.raises(BrokerError, match=r"no broker at 127\.0\.0\.1:"):
        Broker(server.url, name="test", seconds=0.1)
    threading.Timer(0.5, server.start).start()
    Broker(server.url, name="test", seconds=DEADLINE).close()
    server.stop()


def test_a_link_can_be_encrypted(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    key = tmp_path / "key.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(key))
    for name, each in (("ca.pem", authority), ("other.pem", other)):
        each.cert_pem.write_to_path(str(tmp_path / name))
    server = BrokerServer(
        tmp_path / "broker", more=f'tls {{ cert_file: "{key}", key_file: "{key}" }}'
    )
    server.start()
    try:
        url = server.url.replace("nats://", "tls://")
        broker = Broker(url, name="test", ca=tmp_path / "ca.pem")
        publish_all(broker.sink("claim"), [b"1"])
        broker.close()
        with pytest.raises(BrokerError):
            Broker(url, name="test", ca=tmp_path / "other.pem", seconds=0.1)
    finally:
        server.stop()


# --- the embedded server ---


def test_a_server_that_was_left_behind_is_used_and_stopped(
    server: BrokerServer, tmp_path: Path
) -> None:
    found = BrokerServer(tmp_path / "broker")
    found.start()
    assert found.pid == server.pid
    Broker(found.url, name="test").close()
    found.stop()
    with pytest.raises(BrokerError):
        Broker(found.url, name="test", seconds=0.1)


def test_nobody_else_can_read_its_password(tmp_path: Path) -> None:
    server = BrokerServer(tmp_path / "broker")
    server.start()
    server.stop()
    for name in ("password", "config"):
        assert (tmp_path / "broker" / name).stat().st_mode & 0o077 == 0
