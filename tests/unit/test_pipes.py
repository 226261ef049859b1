"""Frames on real pipes: whole, cut off, absurd; publishers and subscribers that come and go."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random

import pytest
from tenacity import wait_none

from models.subscriber import Subscriber
from utils.pipeline_utils import RefusedError
from utils.pipes import (
    HEADER_BYTES,
    MOST_BYTES,
    READ_BYTES,
    Frames,
    PipeError,
    Pipes,
    PipeSink,
    PipeSource,
    frame_of,
)

DEADLINE = 60
SOON = 0.2
EVENT = b'{"id": 1, "patient_id": 2, "code": "03230", "price": 3}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "claim"


@pytest.fixture
def source(path: Path) -> Iterator[PipeSource]:
    with closing(PipeSource(path, "claim")) as made:
        yield made


def opened(path: Path, source: PipeSource) -> int:
    """The end of a publisher of no code of ours; the pipe is made if it is not there."""
    if not path.exists():
        os.mkfifo(path)
    # The source opens the pipe when it is asked for an event.
    assert source.receive(0.001) is None
    return os.open(path, os.O_WRONLY | os.O_NONBLOCK)


def next_event(source: PipeSource) -> bytes:
    """The next event, which has to come, and is acknowledged."""
    deadline = time.monotonic() + DEADLINE
    while (delivery := source.receive(SOON)) is None:
        assert time.monotonic() < deadline, "nothing came"
    delivery.acknowledge()
    return delivery.payload


def events(source: PipeSource, count: int) -> list[bytes]:
    return [next_event(source) for _ in range(count)]


@contextmanager
def subscribed(source: PipeSource) -> Iterator[list[bytes]]:
    """What a subscriber in a thread of its own gets."""
    got: list[bytes] = []
    subscriber = Subscriber(source, got.extend, name="claim", at_most=100)
    subscriber.start()
    try:
        yield got
    finally:
        assert subscriber.stop(DEADLINE)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.005)


# --- frames ---


def test_a_frame_is_its_length_in_32_bytes_and_the_event() -> None:
    assert frame_of(b"abc") == bytes(31) + b"\x03abc"
    assert frame_of(b"") == bytes(32)


def test_frames_are_told_apart_wherever_reading_stops() -> None:
    rng = Random("frames")
    sent = [rng.randbytes(rng.choice((0, 1, 40, 100, 5_000))) for _ in range(200)]
    stream = b"".join(map(frame_of, sent))
    frames, found = Frames("claim"), []
    while stream:
        size = rng.choice((1, 31, 32, 33, 4_096, READ_BYTES))
        found += frames.add(stream[:size])
        stream = stream[size:]
    assert found == sent
    assert frames.end() == []
    assert frames.broken == 0


@pytest.mark.parametrize("size", [*range(1, len(EVENT) + HEADER_BYTES)])
def test_of_a_frame_that_is_cut_off_what_there_is_of_its_event_is_kept(size: int) -> None:
    frames = Frames("claim")
    assert frames.add(frame_of(b"whole") + frame_of(EVENT)[:size]) == [b"whole"]
    part = EVENT[: max(0, size - HEADER_BYTES)]
    assert frames.end() == ([part] if part else [])
    assert frames.broken == 1
    assert frames.add(frame_of(b"next")) == [b"next"]


@pytest.mark.parametrize("size", [*range(3, len(EVENT) + HEADER_BYTES)])
def test_a_reader_that_begins_within_a_frame_finds_the_next_one(size: int) -> None:
    """Its start was read by a subscriber that was killed."""
    rest = frame_of(EVENT)[size:]
    frames = Frames("claim")
    assert frames.add(rest + frame_of(b"next") + frame_of(b"last")) == [rest, b"next", b"last"]
    assert frames.broken == 1


@pytest.mark.parametrize("length", [MOST_BYTES + 1, 2**31, 2**63, 2**256 - 1])
def test_behind_an_absurd_length_the_next_frame_is_found(length: int) -> None:
    absurd = length.to_bytes(HEADER_BYTES, "big") + EVENT
    frames = Frames("claim")
    found = [
        *frames.add(frame_of(b"first") + absurd[:40]),
        *frames.add(absurd[40:] + bytes(10)),
        *frames.add(frame_of(EVENT)[10:] + absurd),
        *frames.end(),
    ]
    # An event at the end of the stream is without the number that is known to be its length.
    last = absurd if length > 2**24 else EVENT
    assert found == [b"first", absurd, EVENT, last]
    assert frames.broken == 2


def test_bytes_without_a_frame_are_kept_in_pieces_and_fill_no_memory() -> None:
    frames, found = Frames("claim"), []
    block = b"x" * 1024 * 1024
    for _ in range(20):
        found += frames.add(block)
    found += frames.add(frame_of(EVENT))
    assert found[-1] == EVENT
    assert b"".join(found[:-1]) == block * 20
    assert max(map(len, found)) <= MOST_BYTES + len(block)


def test_the_largest_event_is_one() -> None:
    payload = b"x" * MOST_BYTES
    assert Frames("claim").add(frame_of(payload)) == [payload]


# --- the subscriber's end ---


def test_events_come_out_verbatim_and_in_order(path: Path, source: PipeSource) -> None:
    sent = [EVENT, b"", b"\xff\x00", b"x" * 10_000, EVENT]
    writer = opened(path, source)
    for payload in sent:
        os.write(writer, len(payload).to_bytes(HEADER_BYTES, "big"))
        os.write(writer, payload)
    assert events(source, len(sent)) == sent
    assert source.trouble is None
    os.close(writer)


def test_a_pipe_is_waited_for(path: Path, source: PipeSource) -> None:
    assert source.receive(0.001) is None
    assert source.trouble == "is not there"
    path.write_bytes(frame_of(EVENT))
    assert source.receive(0.001) is None
    assert source.trouble == "is not a pipe"
    path.unlink()
    os.mkfifo(path)
    assert source.receive(0.001) is None
    assert source.trouble == "has no publisher"
    writer = opened(path, source)
    assert source.receive(0.001) is None
    assert source.trouble is None
    os.close(writer)


@pytest.mark.parametrize("is_made_anew", [False, True])
def test_a_publisher_that_comes_again_is_picked_up_again(
    path: Path, source: PipeSource, is_made_anew: bool
) -> None:
    for number in range(3):
        if is_made_anew and path.exists():
            path.unlink()
        payload = b"%d" % number
        writer = opened(path, source)
        os.write(writer, frame_of(payload))
        os.close(writer)
        assert next_event(source) == payload
        wait_until(lambda: source.receive(0.001) is None and source.trouble == "has no publisher")


def test_a_pipe_that_is_replaced_before_anybody_wrote_to_it_is_noticed(
    path: Path, source: PipeSource
) -> None:
    os.mkfifo(path)
    assert source.receive(0.001) is None
    with subscribed(source) as got, closing(PipeSink(path, "claim")) as sink:
        assert sink.publish(EVENT, DEADLINE)
        wait_until(lambda: got == [EVENT])


def test_a_publisher_that_comes_while_the_pipe_is_opened_again_has_a_reader(
    path: Path, source: PipeSource
) -> None:
    writer = opened(path, source)
    os.close(writer)
    writers: list[int] = []

    def open_just_then(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and arguments[0] == str(path) and is_watching.is_set():
            is_watching.clear()
            writers.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))

    is_watching = threading.Event()
    is_watching.set()
    sys.addaudithook(open_just_then)  # it is told before the source opens the pipe again
    assert source.receive(0.001) is None
    os.write(writers[0], frame_of(EVENT))
    assert next_event(source) == EVENT
    os.close(writers[0])


def test_waiting_for_a_publisher_costs_no_processor_time(path: Path, source: PipeSource) -> None:
    writer = opened(path, source)
    os.write(writer, frame_of(EVENT))
    os.close(writer)
    assert next_event(source) == EVENT
    calls = 0
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        assert source.receive(0.1) is None
        calls += 1
    # One of them finds the end of the stream, without waiting.
    assert calls <= 7


def test_nothing_is_read_before_what_was_read_is_acknowledged(
    path: Path, source: PipeSource
) -> None:
    writer = opened(path, source)
    os.write(writer, frame_of(b"first") + frame_of(b"second"))
    held = [source.receive(SOON), source.receive(SOON)]
    os.write(writer, frame_of(b"third"))
    assert source.receive(SOON) is None
    assert held[0] is not None
    held[0].acknowledge()
    assert source.receive(SOON) is None
    assert held[1] is not None
    held[1].redeliver()
    assert events(source, 2) == [b"second", b"third"]
    os.close(writer)


def test_at_most_a_pipe_full_is_in_memory(path: Path, source: PipeSource) -> None:
    writer = opened(path, source)
    frame = frame_of(EVENT)
    written = 0
    held = []
    while written < 4 * READ_BYTES:
        try:
            written += os.write(writer, frame)
        except BlockingIOError:
            if (delivery := source.receive(SOON)) is None:
                break
            held.append(delivery)
    # The pipe itself holds about as much again.
    assert 0.9 * READ_BYTES <= len(held) * len(frame) <= READ_BYTES
    assert 1.8 * READ_BYTES <= written <= 2 * READ_BYTES
    os.close(writer)


def test_an_event_that_has_begun_is_waited_for_when_a_subscriber_drains(
    path: Path, source: PipeSource
) -> None:
    writer = opened(path, source)
    os.write(writer, frame_of(b"first") + frame_of(EVENT)[:40])
    assert next_event(source) == b"first"
    rest = frame_of(EVENT)[40:] + frame_of(b"not yet")
    timer = threading.Timer(0.1, os.write, [writer, rest])
    timer.start()
    delivery = source.receive(0)
    assert delivery is not None
    assert delivery.payload == EVENT
    delivery.acknowledge()
    assert source.receive(0) is None
    timer.join()
    assert next_event(source) == b"not yet"
    os.write(writer, frame_of(EVENT)[:40])
    wait_until(lambda: source.receive(0.01) is None and source._frames.missing)  # noqa: SLF001
    cut = source.receive(0)
    assert cut is not None
    assert cut.payload == EVENT[:8]
    assert source.broken_frames == 1
    os.close(writer)


def test_a_second_subscriber_is_refused_until_the_first_has_ended(
    path: Path, source: PipeSource
) -> None:
    with pytest.raises(PipeError, match="claim has a subscriber already"):
        PipeSource(path, "claim")
    source.close()
    PipeSource(path, "claim").close()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "claim"
    with pytest.raises(PipeError, match=r"write .*/nowhere/claim\.lock \(No such file"):
        PipeSource(path, "claim")
    with pytest.raises(PipeError, match=r"pipe .*/nowhere/claim can't be made \(No such file"):
        PipeSink(path, "claim")


# --- the publisher's end ---


def test_a_subscriber_gets_what_a_publisher_sends(tmp_path: Path) -> None:
    rng = Random("sent")
    sent = [rng.randbytes(rng.choice((0, 50, 200, 70_000, 1_000_000))) for _ in range(60)]
    got: list[bytes] = []
    failures = iter([True, False, True])

    def callback(payloads: Sequence[bytes]) -> None:
        if next(failures, False):
            raise TimeoutError
        got.extend(payloads)

    with ExitStack() as stack:
        pipes = Pipes({"claim": tmp_path / "claim"})
        stack.callback(pipes.close)
        subscriber = Subscriber(
            pipes.source("claim"), callback, name="claim", at_most=100, retry_wait=wait_none()
        )
        subscriber.start()
        stack.callback(subscriber.stop, DEADLINE)
        assert pipes.problems() == ["the pipe of claim is not there"]
        sink = pipes.sink("claim")
        for payload in sent:
            wait_until(lambda payload=payload: sink.publish(payload, 0.01))  # type: ignore[misc]
        wait_until(lambda: subscriber.acknowledged == len(sent))
        assert pipes.problems() == []
    assert got == sent


def test_a_publisher_waits_for_a_subscriber_and_for_the_next_one(path: Path) -> None:
    with closing(PipeSink(path, "claim")) as sink:
        assert not sink.publish(b"too early", 0.01)
        assert sink.trouble == "has no subscriber"
        with closing(PipeSource(path, "claim")) as source:
            source.receive(0.001)
            assert sink.publish(b"first", DEADLINE)
            assert next_event(source) == b"first"
            assert sink.publish(b"stays in the pipe", DEADLINE)
        assert not sink.publish(b"nobody reads", 0.01)
        assert sink.trouble == "has no subscriber"
        with closing(PipeSource(path, "claim")) as source, subscribed(source) as got:
            assert sink.publish(b"again", DEADLINE)
            wait_until(lambda: got == [b"stays in the pipe", b"again"])


def test_a_full_pipe_makes_a_publisher_wait_and_no_event_is_torn(path: Path) -> None:
    with closing(PipeSink(path, "claim")) as sink, closing(PipeSource(path, "claim")) as source:
        assert source.receive(0.001) is None
        large = b"l" * 200_000
        assert not sink.publish(large, 0.01)  # a part of it is written
        assert source.receive(SOON) is None
        # Another event has to wait until the rest is written.
        assert not sink.publish(b"small", 0.01)
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.extend(events(source, 2)))
        reader.start()
        assert sink.publish(b"small", DEADLINE)
        reader.join()
        assert got == [large, b"small"]


def test_an_event_that_was_not_taken_is_not_sent_behind_the_publisher_s_back(path: Path) -> None:
    with closing(PipeSink(path, "claim")) as sink, closing(PipeSource(path, "claim")) as source:
        assert not sink.publish(b"given up", 0.01)
        source.receive(0.001)
        assert sink.publish(b"sent", DEADLINE)
        assert next_event(source) == b"sent"


def test_an_event_larger_than_a_frame_is_refused(path: Path) -> None:
    with closing(PipeSink(path, "claim")) as sink, pytest.raises(RefusedError, match="8388609"):
        sink.publish(b"x" * (MOST_BYTES + 1), 0.01)


def test_a_publisher_makes_the_pipe_anew_and_the_old_one_is_read_to_its_end(path: Path) -> None:
    with closing(PipeSource(path, "claim")) as source:
        old = opened(path, source)
        os.write(old, frame_of(b"old") + frame_of(EVENT)[:50])
        with closing(PipeSink(path, "claim")) as sink:
            assert path.stat().st_mode & 0o777 == 0o600
            assert not sink.publish(b"new", 0.01)
            assert next_event(source) == b"old"
            os.close(old)
            assert next_event(source) == EVENT[:18]
            assert sink.publish(b"new", DEADLINE)
            assert next_event(source) == b"new"
            assert source.broken_frames == 1


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_publisher_whose_pipe_was_taken_away_uses_the_one_that_is_read(
    path: Path, is_replaced: bool
) -> None:
    with closing(PipeSink(path, "claim")) as sink:
        with closing(PipeSource(path, "claim")) as source, subscribed(source) as got:
            assert sink.publish(b"first", DEADLINE)
            wait_until(lambda: got == [b"first"])
        path.unlink()
        if is_replaced:
            os.mkfifo(path)
        with closing(PipeSource(path, "claim")) as source, subscribed(source) as got:
            assert sink.publish(b"second", DEADLINE)
            wait_until(lambda: got == [b"second"])


def test_a_file_of_another_kind_is_left_alone(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(PipeError, match="claim is not a pipe"):
        PipeSink(path, "claim")
    assert path.read_text() == "mine"
