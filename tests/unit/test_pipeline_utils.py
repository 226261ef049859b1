import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_futures
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from utils.pipeline_utils import Channel, Delivery, Sink, Source

SRC = Path(__file__).parents[2] / "src"
DEADLINE = 60

Result = TypeVar("Result")


def received(channel: Channel) -> Delivery:
    delivery = channel.receive(timeout=0)
    assert delivery is not None
    return delivery


def in_background(call: Callable[[], Result]) -> Future[Result]:
    """Make the call in a thread, and return when it has ended or had time to block."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    wait_for_futures([future], timeout=0.2)
    return future


def test_events_arrive_in_the_order_of_publishing() -> None:
    channel = Channel()
    for payload in (b"1", b"2", b"3"):
        assert channel.publish(payload)
    assert [received(channel).payload for _ in range(3)] == [b"1", b"2", b"3"]


def test_a_channel_is_a_sink_and_a_source() -> None:
    channel = Channel()
    sink: Sink = channel
    source: Source = channel
    assert sink.publish(b"1", 0)
    delivery = source.receive(0)
    assert delivery is not None
    assert delivery.payload == b"1"


def test_receive_returns_none_when_the_time_runs_out() -> None:
    assert Channel().receive(timeout=0.01) is None


def test_receive_waits_for_an_event() -> None:
    channel = Channel()
    waiting = in_background(lambda: channel.receive(timeout=DEADLINE))
    assert not waiting.done()
    channel.publish(b"1")
    delivery = waiting.result(DEADLINE)
    assert delivery is not None
    assert delivery.payload == b"1"


def test_an_event_is_in_flight_until_it_is_acknowledged() -> None:
    channel = Channel()
    channel.publish(b"1")
    assert channel.in_flight == 1
    delivery = received(channel)
    assert channel.in_flight == 1
    delivery.acknowledge()
    assert channel.in_flight == 0


def test_publish_refuses_when_the_channel_stays_full() -> None:
    channel = Channel(capacity=2)
    assert channel.publish(b"1")
    assert channel.publish(b"2")
    assert not channel.publish(b"3", timeout=0.01)
    assert channel.in_flight == 2


def test_a_delivered_event_keeps_its_place_until_it_is_acknowledged() -> None:
    channel = Channel(capacity=1)
    channel.publish(b"1")
    delivery = received(channel)
    publishing = in_background(lambda: channel.publish(b"2", timeout=DEADLINE))
    assert not publishing.done()
    delivery.acknowledge()
    assert publishing.result(DEADLINE)
    assert received(channel).payload == b"2"


def test_a_redelivered_event_comes_first_and_stays_in_flight() -> None:
    channel = Channel()
    channel.publish(b"1")
    channel.publish(b"2")
    received(channel).redeliver()
    assert channel.in_flight == 2
    assert [received(channel).payload for _ in range(2)] == [b"1", b"2"]


def test_redelivery_wakes_a_waiting_receiver() -> None:
    channel = Channel()
    channel.publish(b"1")
    delivery = received(channel)
    waiting = in_background(lambda: channel.receive(timeout=DEADLINE))
    assert not waiting.done()
    delivery.redeliver()
    assert waiting.result(DEADLINE) is not None


@pytest.mark.parametrize("first", [Delivery.acknowledge, Delivery.redeliver])
@pytest.mark.parametrize("second", [Delivery.acknowledge, Delivery.redeliver])
def test_a_delivery_is_settled_only_once(
    first: Callable[[Delivery], None], second: Callable[[Delivery], None]
) -> None:
    channel = Channel()
    channel.publish(b"1")
    delivery = received(channel)
    first(delivery)
    in_flight = channel.in_flight
    with pytest.raises(RuntimeError, match="already"):
        second(delivery)
    assert channel.in_flight == in_flight


def test_a_closed_channel_takes_nothing_more() -> None:
    channel = Channel()
    assert not channel.closed
    channel.close()
    assert channel.closed
    assert not channel.publish(b"1")
    assert channel.in_flight == 0


def test_what_is_in_flight_can_be_received_after_closing() -> None:
    channel = Channel()
    channel.publish(b"1")
    channel.close()
    received(channel).redeliver()
    received(channel).acknowledge()
    assert channel.receive() is None


def test_closing_wakes_a_waiting_receiver() -> None:
    channel = Channel()
    waiting = in_background(lambda: channel.receive(timeout=2 * DEADLINE))
    assert not waiting.done()
    channel.close()
    assert waiting.result(DEADLINE) is None


def test_closing_wakes_a_waiting_publisher() -> None:
    channel = Channel(capacity=1)
    channel.publish(b"1")
    publishing = in_background(lambda: channel.publish(b"2", timeout=2 * DEADLINE))
    assert not publishing.done()
    channel.close()
    assert not publishing.result(DEADLINE)
    assert channel.in_flight == 1


def test_a_channel_needs_room_for_an_event() -> None:
    with pytest.raises(ValueError, match="capacity"):
        Channel(capacity=0)


def test_nothing_is_lost_or_doubled_between_many_threads() -> None:
    channel = Channel(capacity=3)
    taken: list[bytes] = []
    most_in_flight: list[int] = []

    def publish(first: int) -> None:
        for number in range(first, first + 200):
            assert channel.publish(str(number).encode(), timeout=DEADLINE)

    def take() -> None:
        while (delivery := channel.receive(timeout=DEADLINE)) is not None:
            most_in_flight.append(channel.in_flight)
            taken.append(delivery.payload)
            delivery.acknowledge()

    with ThreadPoolExecutor(5) as pool:
        takers = [pool.submit(take) for _ in range(2)]
        for future in [pool.submit(publish, first) for first in (0, 200, 400)]:
            future.result(DEADLINE)
        channel.close()
        for future in takers:
            future.result(DEADLINE)

    assert sorted(map(int, taken)) == list(range(600))
    assert max(most_in_flight) <= 3
    assert channel.in_flight == 0


# A process with a thread that never ends, as a second signal has to end that one too.
STOPPABLE = """
import threading
from utils.pipeline_utils import stop_on_signals

stop = stop_on_signals()
print("ready", flush=True)
stop.wait()
print("stopping", flush=True)
forever = threading.Event()
threading.Thread(target=forever.wait).start()
print("draining", flush=True)
"""


# A command that cleans up, and is given the signals while it does.
INTERRUPTIBLE = """
import os, signal, sys
from utils.pipeline_utils import interrupt_on_signals

interrupt_on_signals()
try:
    heeds = callable(signal.getsignal(signal.SIGHUP))
    print("heeds" if heeds else "ignores", "SIGHUP", flush=True)
    signal.pause()
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGHUP)
    print("cleaned up", flush=True)
"""


@contextmanager
def stoppable_process(script: str = STOPPABLE, *before: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [*before, sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        # A process that ignores its signals must not keep the test from ending.
        timer = threading.Timer(DEADLINE, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            timer.join()
            process.kill()


def next_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_and_the_second_aborts(
    first: signal.Signals, second: signal.Signals
) -> None:
    with stoppable_process() as process:
        assert next_line(process) == "ready"
        process.send_signal(first)
        assert next_line(process) == "stopping"
        assert next_line(process) == "draining"
        assert process.poll() is None
        process.send_signal(second)
        assert process.wait() == -second


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP])
def test_a_hangup_does_not_abort_what_is_stopping(first: signal.Signals) -> None:
    with stoppable_process() as process:
        assert next_line(process) == "ready"
        process.send_signal(first)
        assert next_line(process) == "stopping"
        # Delivered in this order: the last one ends it, and not the one before.
        process.send_signal(signal.SIGHUP)
        assert next_line(process) == "draining"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM


def test_under_nohup_a_hangup_is_ignored() -> None:
    with stoppable_process(STOPPABLE, "nohup") as process:
        assert next_line(process) == "ready"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        # Had the first signal counted, the second would have ended it.
        assert next_line(process) == "stopping"
        assert next_line(process) == "draining"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_cleans_up_whichever_signal_ends_it(number: signal.Signals) -> None:
    with stoppable_process(INTERRUPTIBLE) as process:
        assert next_line(process) == "heeds SIGHUP"
        process.send_signal(number)
        assert next_line(process) == "cleaned up"
        assert process.wait() == 0


def test_under_nohup_a_command_ignores_a_hangup() -> None:
    with stoppable_process(INTERRUPTIBLE, "nohup") as process:
        assert next_line(process) == "ignores SIGHUP"
