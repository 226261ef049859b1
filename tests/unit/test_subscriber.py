import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest
from tenacity import RetryCallState, wait_fixed, wait_none
from tenacity.wait import wait_base

from models.subscriber import RETRY_WAIT, Subscriber
from pipeline.core.logs import LogfmtFormatter
from utils.pipeline_utils import Channel
from waits import wait_for

DEADLINE = 60

Callback = Callable[[bytes], None]
MakeSubscriber = Callable[..., Subscriber]


def wait_until(condition: Callable[[], bool]) -> None:
    assert wait_for(condition, DEADLINE), "it never became true"


class WaitRecorder(wait_base):
    """A wait strategy that waits not at all and keeps the number of each attempt."""

    def __init__(self) -> None:
        self.attempts: list[int] = []

    def __call__(self, retry_state: RetryCallState) -> float:
        self.attempts.append(retry_state.attempt_number)
        return 0


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def subscriber(channel: Channel) -> Iterator[MakeSubscriber]:
    """Make subscribers to the channel that are stopped after the test."""
    with ExitStack() as stack:

        def make(callback: Callback, retry_wait: wait_base | None = None) -> Subscriber:
            made = Subscriber(
                channel, by_one(callback), name="claim", retry_wait=retry_wait or wait_none()
            )
            stack.callback(made.stop, 1)
            return made

        yield make


def by_one(callback: Callback) -> Callable[[Sequence[bytes]], None]:
    """The callback of a subscriber that hands over one payload a call."""

    def call(payloads: Sequence[bytes]) -> None:
        (payload,) = payloads
        callback(payload)

    return call


def publish(channel: Channel, *numbers: int) -> None:
    for number in numbers:
        assert channel.publish(str(number).encode(), timeout=DEADLINE)


def test_each_arrival_is_called_back_in_order_and_acknowledged(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    seen: list[bytes] = []
    subscribed = subscriber(seen.append)
    subscribed.start()
    publish(channel, 1, 2, 3)
    wait_until(lambda: channel.in_flight == 0)
    assert seen == [b"1", b"2", b"3"]
    assert subscribed.stop(DEADLINE)
    assert subscribed.acknowledged == 3


def test_nothing_is_acknowledged_before_the_callback_returns(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    in_flight_during_call: list[int] = []
    subscriber(lambda _payload: in_flight_during_call.append(channel.in_flight)).start()
    publish(channel, 1)
    wait_until(lambda: channel.in_flight == 0)
    assert in_flight_during_call == [1]


def test_what_is_there_is_handed_over_together_in_order_and_in_part_where_it_is_much(
    channel: Channel,
) -> None:
    calls: list[list[bytes]] = []
    publish(channel, *range(1, 6))
    channel.close()
    subscribed = Subscriber(
        channel, lambda payloads: calls.append(list(payloads)), name="claim", at_most=3
    )
    subscribed.start()
    wait_until(lambda: channel.in_flight == 0)
    assert calls == [[b"1", b"2", b"3"], [b"4", b"5"]]
    assert subscribed.acknowledged == 5


def test_after_a_failure_the_first_comes_alone_and_more_with_every_success(
    channel: Channel,
) -> None:
    calls: list[list[bytes]] = []

    def fail_once(payloads: Sequence[bytes]) -> None:
        calls.append(list(payloads))
        if len(calls) == 1:
            raise ValueError

    publish(channel, *range(9))
    channel.close()
    subscribed = Subscriber(channel, fail_once, name="claim", at_most=4, retry_wait=wait_none())
    subscribed.start()
    wait_until(lambda: channel.in_flight == 0)
    assert calls == [
        [b"0", b"1", b"2", b"3"],
        [b"0"],
        [b"1", b"2"],
        [b"3", b"4", b"5", b"6"],
        [b"7", b"8"],
    ]
    assert subscribed.acknowledged == 9


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_an_event_whose_callback_raises_is_delivered_again_before_the_next(
    channel: Channel, subscriber: MakeSubscriber, error: type[BaseException]
) -> None:
    seen: list[bytes] = []

    def fail_twice(payload: bytes) -> None:
        seen.append(payload)
        if len(seen) <= 2:
            raise error

    publish(channel, 1, 2)
    subscribed = subscriber(fail_twice)
    subscribed.start()
    wait_until(lambda: channel.in_flight == 0)
    assert seen == [b"1", b"1", b"1", b"2"]
    assert subscribed.stop(DEADLINE)
    assert subscribed.acknowledged == 2


def test_the_wait_grows_with_failures_in_a_row_only(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    calls: list[bytes] = []

    def fail_but_for_the_third_and_sixth(payload: bytes) -> None:
        calls.append(payload)
        if len(calls) % 3:
            raise ValueError

    recorder = WaitRecorder()
    publish(channel, 1, 2)
    subscriber(fail_but_for_the_third_and_sixth, recorder).start()
    wait_until(lambda: channel.in_flight == 0)
    assert recorder.attempts == [1, 2, 1, 2]


def test_the_default_wait_has_jitter_and_is_bounded_by_a_few_seconds() -> None:
    state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
    state.attempt_number = 50
    waits = {RETRY_WAIT(state) for _ in range(100)}
    assert len(waits) > 1
    assert all(0 <= seconds <= 5 for seconds in waits)


def test_a_failure_is_logged_as_one_line_without_the_error_text(
    channel: Channel, subscriber: MakeSubscriber, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[bytes] = []

    def fail_once(payload: bytes) -> None:
        calls.append(payload)
        if len(calls) == 1:
            raise ValueError(f"secret {payload!r}")

    channel.publish(b"patient 67")
    with caplog.at_level(logging.DEBUG):
        subscriber(fail_once).start()
        wait_until(lambda: channel.in_flight == 0)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    line = LogfmtFormatter().format(record)
    assert 'event="events will be delivered again" stream=claim error=ValueError' in line
    assert "secret" not in line + caplog.text
    assert "67" not in line.split("event=")[1] + caplog.text


def test_stop_drains_what_is_queued(channel: Channel, subscriber: MakeSubscriber) -> None:
    entered, released = threading.Event(), threading.Event()

    def wait_for_release(_payload: bytes) -> None:
        entered.set()
        released.wait(DEADLINE)

    publish(channel, *range(20))
    subscribed = subscriber(wait_for_release)
    subscribed.start()
    assert entered.wait(DEADLINE)
    threading.Timer(0.05, released.set).start()
    assert subscribed.stop(DEADLINE)
    assert channel.in_flight == 0
    assert subscribed.acknowledged == 20


def test_attempts_are_spaced_while_draining_too(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    calls: list[bytes] = []

    def fail(payload: bytes) -> None:
        calls.append(payload)
        raise ValueError

    publish(channel, 1)
    subscribed = subscriber(fail, wait_fixed(100 * DEADLINE))
    subscribed.start()
    wait_until(lambda: len(calls) == 1)
    assert not subscribed.stop(0.2)
    wait_until(lambda: not has_thread("subscriber-claim"))
    assert len(calls) == 2


def test_stop_ends_a_wait_for_the_next_attempt(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    calls: list[bytes] = []

    def fail_once(payload: bytes) -> None:
        calls.append(payload)
        if len(calls) == 1:
            raise ValueError

    publish(channel, 1)
    subscribed = subscriber(fail_once, wait_fixed(100 * DEADLINE))
    subscribed.start()
    wait_until(lambda: len(calls) == 1)
    assert subscribed.stop(DEADLINE)
    assert channel.in_flight == 0


@pytest.mark.parametrize("retry_wait", [wait_none(), wait_fixed(100 * DEADLINE)])
def test_what_cannot_be_drained_in_time_stays_in_the_channel(
    channel: Channel, subscriber: MakeSubscriber, retry_wait: wait_base
) -> None:
    def fail(_payload: bytes) -> None:
        raise ValueError

    publish(channel, 1, 2)
    subscribed = subscriber(fail, retry_wait)
    subscribed.start()
    assert not subscribed.stop(0.2)
    wait_until(lambda: not has_thread("subscriber-claim"))
    assert not subscribed.stop(DEADLINE)
    assert subscribed.acknowledged == 0
    assert channel.in_flight == 2
    first, second = channel.receive(0), channel.receive(0)
    assert first is not None
    assert second is not None
    assert (first.payload, second.payload) == (b"1", b"2")


def test_a_callback_that_outlasts_stop_is_still_acknowledged_and_nothing_follows(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    entered, released = threading.Event(), threading.Event()
    seen: list[bytes] = []

    def wait_for_release(payload: bytes) -> None:
        seen.append(payload)
        entered.set()
        released.wait(DEADLINE)

    publish(channel, 1, 2)
    subscribed = subscriber(wait_for_release)
    subscribed.start()
    assert entered.wait(DEADLINE)
    assert not subscribed.stop(0.05)
    assert channel.in_flight == 2
    released.set()
    wait_until(lambda: not has_thread("subscriber-claim"))
    assert seen == [b"1"]
    assert channel.in_flight == 1


def test_a_restart_never_calls_back_beside_a_call_that_outlasted_stop(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    entered, released = threading.Event(), threading.Event()
    running: list[bytes] = []
    most_running: list[int] = []

    def wait_for_release(payload: bytes) -> None:
        running.append(payload)
        most_running.append(len(running))
        entered.set()
        released.wait(DEADLINE)
        running.remove(payload)

    publish(channel, 1, 2)
    subscribed = subscriber(wait_for_release)
    subscribed.start()
    assert entered.wait(DEADLINE)
    assert not subscribed.stop(0.05)
    subscribed.start()
    assert not subscribed.stop(0.2)
    released.set()
    subscribed.start()
    wait_until(lambda: channel.in_flight == 0)
    assert most_running == [1, 1]


def test_starting_twice_delivers_in_one_thread(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    subscribed = subscriber(lambda _payload: None)
    subscribed.start()
    subscribed.start()
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("subscriber-claim") == 1
    assert subscribed.stop(DEADLINE)
    assert not has_thread("subscriber-claim")
    assert channel.in_flight == 0


def test_stopping_before_starting_and_twice_is_safe(subscriber: MakeSubscriber) -> None:
    subscribed = subscriber(lambda _payload: None)
    assert subscribed.stop(0)
    subscribed.start()
    assert subscribed.stop(DEADLINE)
    assert subscribed.stop(DEADLINE)


def test_a_stopped_subscriber_takes_nothing_until_it_starts_again(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    seen: list[bytes] = []
    subscribed = subscriber(seen.append)
    subscribed.start()
    assert subscribed.stop(DEADLINE)
    publish(channel, 1)
    assert channel.in_flight == 1
    assert seen == []
    subscribed.start()
    wait_until(lambda: channel.in_flight == 0)
    assert seen == [b"1"]


def test_the_thread_ends_when_the_channel_is_closed_and_empty(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    seen: list[bytes] = []
    publish(channel, 1, 2)
    channel.close()
    subscribed = subscriber(seen.append)
    subscribed.start()
    wait_until(lambda: not has_thread("subscriber-claim"))
    assert seen == [b"1", b"2"]
    assert subscribed.stop(0)


def test_every_event_is_acknowledged_once_through_restarts_and_failures(
    channel: Channel, subscriber: MakeSubscriber
) -> None:
    done: list[bytes] = []
    calls: list[bytes] = []

    def fail_every_third_call(payload: bytes) -> None:
        calls.append(payload)
        if len(calls) % 3 == 0:
            raise ValueError
        done.append(payload)

    def publish_all() -> None:
        publish(channel, *range(300))

    publisher = threading.Thread(target=publish_all)
    publisher.start()
    subscribed = subscriber(fail_every_third_call)
    while publisher.is_alive():
        subscribed.start()
        time.sleep(0.002)
        subscribed.stop(0)
    publisher.join()
    subscribed.start()
    assert subscribed.stop(DEADLINE)
    assert done == [str(number).encode() for number in range(300)]
    assert subscribed.acknowledged == 300


def has_thread(name: str) -> bool:
    return any(thread.name == name for thread in threading.enumerate())
