import json
import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice, pairwise
from random import Random

import pytest

from pipeline.core.logs import LogfmtFormatter
from publisher import SIMULATED, Publisher, claims, diagnoses, next_due
from utils.pipeline_utils import Channel, RefusedError, Sink

DEADLINE = 60
GENERATORS = [claims, diagnoses]

Generator = Callable[..., Iterator[bytes]]
MakePublisher = Callable[..., Publisher]


def take(count: int, payloads: Iterator[bytes]) -> list[bytes]:
    return list(islice(payloads, count))


def ids(payloads: list[bytes]) -> list[int]:
    return [json.loads(payload)["id"] for payload in payloads]


def first_of_each_id(payloads: list[bytes]) -> dict[int, bytes]:
    firsts: dict[int, bytes] = {}
    for payload in payloads:
        firsts.setdefault(json.loads(payload)["id"], payload)
    return firsts


@pytest.mark.parametrize(
    ("generator", "form"),
    [
        (
            claims,
            rb'\{"id": \d+, "patient_id": \d+, "code": "\d{5}", "price": \d+\}',
        ),
        (
            diagnoses,
            rb'\{"id": \d+, "patient_id": \d+, "icd10_code": "[A-Z]\d\d\.\d{1,3}"\}',
        ),
    ],
)
def test_payloads_have_exactly_the_form_of_the_streams(generator: Generator, form: bytes) -> None:
    for payload in take(5000, generator(0, Random(1), duplicate_share=0.5, conflict_share=0.5)):
        assert re.fullmatch(form, payload)


@pytest.mark.parametrize("generator", GENERATORS)
def test_ids_count_up_from_the_first(generator: Generator) -> None:
    assert ids(take(50, generator(7, Random(1), duplicate_share=0))) == list(range(7, 57))


@pytest.mark.parametrize("generator", GENERATORS)
def test_numbers_that_a_repeat_skips_may_come_later(generator: Generator) -> None:
    numbers = ids(take(5000, generator(7, Random(1), duplicate_share=0.5, conflict_share=1)))
    firsts = list(dict.fromkeys(numbers))
    assert min(numbers) == 7
    # Each event moves the counter on, whatever number it carries.
    assert all(number <= 7 + place for place, number in enumerate(numbers))
    assert firsts != sorted(firsts)
    assert len(firsts) < 4000


@pytest.mark.parametrize("generator", GENERATORS)
def test_an_event_that_is_sent_again_skips_no_number(generator: Generator) -> None:
    numbers = ids(take(500, generator(7, Random(1), duplicate_share=0.5, conflict_share=0)))
    firsts = list(dict.fromkeys(numbers))
    assert firsts == list(range(7, 7 + len(firsts)))
    assert len(firsts) < 400


@pytest.mark.parametrize("generator", GENERATORS)
def test_patients_are_those_there_are_and_nobody(generator: Generator) -> None:
    payloads = take(500, generator(0, Random(1), patients=9))
    assert {json.loads(payload)["patient_id"] for payload in payloads} == set(range(10))
    known = take(500, generator(0, Random(1), first_patient=1, patients=9))
    assert {json.loads(payload)["patient_id"] for payload in known} == set(range(1, 10))


def test_codes_and_prices_are_those_of_the_practice() -> None:
    payloads = take(4000, claims(0, Random(1)))
    drawn = Counter((c["code"], c["price"]) for c in map(json.loads, payloads))
    assert set(drawn) == {("03003", 5), ("29001", 10), ("45001", 20), ("03230", 3)}
    assert all(count == pytest.approx(1000, abs=150) for count in drawn.values())


def test_asthma_and_copd_amnesia_and_a_fever_are_diagnosed() -> None:
    payloads = take(4000, diagnoses(0, Random(1)))
    drawn = Counter(json.loads(payload)["icd10_code"] for payload in payloads)
    assert set(drawn) == {"A77.9", "R41.3", "J45.998", "J44.9"}
    assert all(count == pytest.approx(1000, abs=150) for count in drawn.values())


@pytest.mark.parametrize("generator", GENERATORS)
def test_it_repeats_as_the_practice_does_and_sends_some_again(generator: Generator) -> None:
    payloads = take(20_000, generator(0, Random(1)))
    firsts = first_of_each_id(payloads)
    repeats = len(payloads) - len(firsts)
    # One in ten repeats an id; a few of these are numbers that were skipped before, and so new.
    assert repeats / len(payloads) == pytest.approx(0.094, abs=0.01)
    assert conflicts(payloads) / repeats == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_the_share_of_duplicates_is_as_asked(generator: Generator, share: float) -> None:
    payloads = take(10_000, generator(0, Random(1), duplicate_share=share, conflict_share=0))
    duplicates = len(payloads) - len(set(ids(payloads)))
    assert duplicates / len(payloads) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("generator", GENERATORS)
def test_what_is_sent_again_is_the_same_byte_for_byte(generator: Generator) -> None:
    payloads = take(2000, generator(0, Random(1), duplicate_share=0.5, conflict_share=0))
    assert conflicts(payloads) == 0
    assert len(set(payloads)) < 2000


def conflicts(payloads: list[bytes]) -> int:
    firsts = first_of_each_id(payloads)
    return sum(payload != firsts[json.loads(payload)["id"]] for payload in payloads)


@pytest.mark.parametrize("generator", GENERATORS)
def test_one_of_the_last_hundred_is_sent_again_and_any_id_is_used_again(
    generator: Generator,
) -> None:
    def oldest(conflict_share: float) -> int:
        shares = {"duplicate_share": 0.5, "conflict_share": conflict_share}
        distances, newest = set(), -1
        for event_id in ids(take(20_000, generator(0, Random(1), **shares))):
            newest = max(newest, event_id)
            distances.add(newest - event_id)
        return max(distances)

    assert oldest(conflict_share=0) == 99
    assert oldest(conflict_share=1) > 15_000


@pytest.mark.parametrize("generator", GENERATORS)
def test_the_same_seed_repeats_the_events(generator: Generator) -> None:
    first, again, other = (take(200, generator(0, Random(seed))) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"duplicate_share": -0.1}, "duplicate_share"),
        ({"duplicate_share": 1.1}, "duplicate_share"),
        ({"conflict_share": -0.1}, "conflict_share"),
        ({"conflict_share": float("nan")}, "conflict_share"),
        ({"patients": 0}, "patients"),
        ({"first_patient": 3, "patients": 2}, "patients"),
    ],
)
def test_a_generator_checks_its_arguments_at_once(
    generator: Generator, arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generator(0, Random(1), **arguments)


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generator_wants_no_negative_id(generator: Generator) -> None:
    with pytest.raises(ValueError, match="first_id"):
        generator(-1, Random(1))


def test_the_pace_is_kept_to_the_dot_while_publishing_is_on_time() -> None:
    dues = [100.0]
    for _ in range(1000):
        dues.append(next_due(dues[-1], now=dues[-1] + 0.3, period=2))
    assert dues[-1] == 100 + 1000 * 2


@pytest.mark.parametrize("blocked", [1.5, 2, 3.9, 60])
def test_after_a_block_no_event_is_closer_than_half_a_period(blocked: float) -> None:
    ended = 100 + blocked
    due = next_due(100, now=ended, period=2)
    assert due == ended + 2
    assert next_due(due, now=due, period=2) == due + 2


@pytest.fixture
def publisher() -> Iterator[MakePublisher]:
    """Make quick publishers that are stopped after the test."""
    with ExitStack() as stack:

        def make(**arguments: object) -> Publisher:
            defaults = {"every_seconds": 0.01, "first_ids": dict.fromkeys(SIMULATED, 0), "seed": 1}
            made = Publisher(**(defaults | arguments))  # type: ignore[arg-type]
            stack.callback(made.stop, DEADLINE)
            return made

        yield make


def receive(channel: Channel, count: int) -> list[bytes]:
    payloads = []
    for _ in range(count):
        delivery = channel.receive(timeout=DEADLINE)
        assert delivery is not None
        payloads.append(delivery.payload)
        delivery.acknowledge()
    return payloads


def expected(stream: str, count: int, **shares: float) -> list[bytes]:
    generator: Generator = dict(zip(SIMULATED, GENERATORS, strict=True))[stream]
    return take(count, generator(0, Random(f"1 {stream}"), **shares))


class RecordingSink:
    """Takes every event, and keeps when each was offered and when it was taken."""

    def __init__(self, hold_back_first: float = 0) -> None:
        self.hold_back_first = hold_back_first
        self.offered: list[float] = []
        self.taken: list[float] = []

    def publish(self, payload: bytes, timeout: float | None = None) -> bool:
        del payload, timeout
        self.offered.append(time.monotonic())
        if len(self.offered) == 1:
            time.sleep(self.hold_back_first)
        self.taken.append(time.monotonic())
        return True


class FailingSink(Channel):
    """A channel that raises at the first events offered."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures_left = failures

    def publish(self, payload: bytes, timeout: float | None = None) -> bool:
        if self.failures_left:
            self.failures_left -= 1
            raise ConnectionError(f"could not send {payload!r}")
        return super().publish(payload, timeout)


class RefusingSink(Channel):
    """A channel that can never take the first event offered."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[bytes] = []

    def publish(self, payload: bytes, timeout: float | None = None) -> bool:
        if not self.refused:
            self.refused.append(payload)
            raise RefusedError("it is too large")
        return super().publish(payload, timeout)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.005)


def test_each_stream_is_published_to_its_sink(publisher: MakePublisher) -> None:
    channels = {stream: Channel() for stream in SIMULATED}
    shares = {"duplicate_share": 0.4, "conflict_share": 0.3}
    published = publisher(sinks=channels, **shares)
    published.start()
    for stream, channel in channels.items():
        assert receive(channel, 30) == expected(stream, 30, **shares)
    assert published.stop(DEADLINE)


def test_first_ids_and_patients_reach_the_events(publisher: MakePublisher) -> None:
    channels = {stream: Channel() for stream in SIMULATED}
    publisher(sinks=channels, first_ids={"claim": 500, "diagnose": 900}, patients=1).start()
    for stream, first_id in (("claim", 500), ("diagnose", 900)):
        events = [json.loads(payload) for payload in receive(channels[stream], 5)]
        assert events[0]["id"] == first_id
        assert {event["patient_id"] for event in events} <= {0, 1}


def test_without_a_seed_the_events_are_others_each_time(publisher: MakePublisher) -> None:
    channels = [Channel(), Channel()]
    for channel in channels:
        publisher(sinks={"claim": channel}, seed=None).start()
    first, second = (receive(channel, 20) for channel in channels)
    assert first != second


def test_a_full_sink_is_waited_for_and_nothing_is_left_out(publisher: MakePublisher) -> None:
    channel = Channel(capacity=2)
    publisher(sinks={"claim": channel}).start()
    wait_until(lambda: channel.in_flight == 2)
    time.sleep(0.3)
    assert channel.in_flight == 2
    assert receive(channel, 20) == expected("claim", 20)


def test_a_blocked_stream_does_not_hold_up_the_other(publisher: MakePublisher) -> None:
    channels = {"claim": Channel(capacity=1), "diagnose": Channel()}
    publisher(sinks=channels).start()
    assert len(receive(channels["diagnose"], 50)) == 50
    assert channels["claim"].in_flight == 1


def test_events_never_come_before_their_time(publisher: MakePublisher) -> None:
    sink = RecordingSink()
    started = time.monotonic()
    publisher(sinks={"claim": sink}, every_seconds=0.05).start()
    wait_until(lambda: len(sink.offered) > 5)
    for number, offered in enumerate(sink.offered):
        assert offered - started >= 0.05 * number - 0.001


def test_no_burst_follows_a_block(publisher: MakePublisher) -> None:
    sink = RecordingSink(hold_back_first=1)
    publisher(sinks={"claim": sink}, every_seconds=0.1).start()
    wait_until(lambda: len(sink.taken) > 4)
    for taken, next_offered in pairwise([sink.taken[0], *sink.offered[1:]]):
        # A thread that wakes late may shorten the next gap, by no more than half a period.
        assert next_offered - taken >= 0.04


def test_a_failing_sink_is_logged_without_the_text_and_offered_the_event_again(
    publisher: MakePublisher, caplog: pytest.LogCaptureFixture
) -> None:
    sink = FailingSink(failures=1)
    with caplog.at_level(logging.DEBUG):
        published = publisher(sinks={"claim": sink})
        published.start()
        assert receive(sink, 3) == expected("claim", 3)
        assert published.stop(DEADLINE)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    line = LogfmtFormatter().format(record)
    assert 'event="not published, trying again" stream=claim error=ConnectionError' in line
    assert "patient_id" not in line + caplog.text


def test_an_event_that_is_refused_is_on_the_record_and_the_stream_goes_on(
    publisher: MakePublisher, caplog: pytest.LogCaptureFixture
) -> None:
    sink = RefusingSink()
    with caplog.at_level(logging.DEBUG):
        published = publisher(sinks={"claim": sink})
        published.start()
        assert [*sink.refused, *receive(sink, 3)] == expected("claim", 4)
        assert published.stop(DEADLINE)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    line = LogfmtFormatter().format(record)
    told = f'stream=claim bytes={len(sink.refused[0])} reason="it is too large"'
    assert f'event="event refused, it is never published" {told}' in line
    assert "patient_id" not in line + caplog.text


@pytest.mark.parametrize("state", ["waiting", "full", "closed", "failing"])
def test_stop_ends_every_thread_whatever_it_waits_for(publisher: MakePublisher, state: str) -> None:
    sinks: dict[str, Channel] = {
        "waiting": Channel(),
        "full": Channel(capacity=1),
        "closed": Channel(),
        "failing": FailingSink(failures=1_000_000),
    }
    if state == "closed":
        sinks[state].close()
    every_seconds = 100 * DEADLINE if state == "waiting" else 0.01
    published = publisher(sinks={"claim": sinks[state]}, every_seconds=every_seconds)
    published.start()
    time.sleep(0.1)
    assert has_thread("publisher-claim")
    assert published.stop(DEADLINE)
    assert not has_thread("publisher-claim")


def test_stop_says_so_when_a_thread_has_not_ended(publisher: MakePublisher) -> None:
    entered, released = threading.Event(), threading.Event()

    class StuckSink:
        def publish(self, payload: bytes, timeout: float | None = None) -> bool:
            del payload, timeout
            entered.set()
            return released.wait(DEADLINE)

    published = publisher(sinks={"claim": StuckSink()})
    published.start()
    assert entered.wait(DEADLINE)
    assert not published.stop(0.05)
    released.set()
    assert published.stop(DEADLINE)


def test_nothing_is_published_after_stop(publisher: MakePublisher) -> None:
    channel = Channel()
    published = publisher(sinks={"claim": channel})
    published.start()
    receive(channel, 3)
    assert published.stop(DEADLINE)
    in_flight = channel.in_flight
    time.sleep(0.1)
    assert channel.in_flight == in_flight


def test_a_running_publisher_does_not_start_again(publisher: MakePublisher) -> None:
    published = publisher(sinks={"claim": Channel()})
    published.start()
    with pytest.raises(RuntimeError, match="once"):
        published.start()
    assert published.stop(DEADLINE)


def test_a_publisher_stops_safely_before_it_starts_and_starts_once(
    publisher: MakePublisher,
) -> None:
    channel = Channel()
    published = publisher(sinks={"claim": channel})
    assert published.stop(0)
    published.start()
    with pytest.raises(RuntimeError, match="once"):
        published.start()
    assert published.stop(DEADLINE)
    assert channel.in_flight == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every_seconds": 0}, "every_seconds"),
        ({"every_seconds": -1}, "every_seconds"),
        ({"every_seconds": float("nan")}, "every_seconds"),
        ({"every_seconds": float("inf")}, "every_seconds"),
        ({"duplicate_share": 2}, "duplicate_share"),
        ({"conflict_share": 2}, "conflict_share"),
        ({"patients": 0}, "patients"),
        ({"first_ids": {"claim": -1}}, "first_id"),
        ({"first_ids": {"diagnose": 0}}, "claim has no first id"),
        ({"sinks": {"invoice": Channel()}}, "unknown stream invoice"),
    ],
)
def test_a_publisher_checks_its_arguments(
    publisher: MakePublisher, arguments: dict[str, object], message: str
) -> None:
    sinks: dict[str, Sink] = {"claim": Channel()}
    with pytest.raises(ValueError, match=message):
        publisher(**({"sinks": sinks} | arguments))


def has_thread(name: str) -> bool:
    return any(thread.name == name for thread in threading.enumerate())
