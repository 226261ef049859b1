"""(i) Events that wait in a broker until they are staged, acknowledged and gone from its files."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import TypeVar

import nats
from nats.js import JetStreamContext

from benchmarks import append, project
from benchmarks.lab import OFFICE, Lab, checkpoint
from benchmarks.lines import Lines, make_lines
from benchmarks.results import Comparison
from benchmarks.turns import Plan, Run, in_turns, seconds_of
from models.subscriber import Subscriber
from pipeline.operations.embedded_broker import broker
from utils.jetstream import FETCH_AT_MOST, Broker, make_stream, name_of, subject_of, subscribe

EVENTS = 50_000
STREAM = "claim"
NAME = "staged through JetStream, acknowledged"
PUBLISHED_AT_ONCE = 500
POLL_SECONDS = 0.002
STOP_SECONDS = 1.0

T = TypeVar("T")


def measure(lab: Lab, plan: Plan) -> Iterator[Comparison]:
    """JetStream's path against the same without a broker, and without a database."""
    lines = make_lines(lab.new_folder("waiting"), min(EVENTS, plan.rows), streams=(STREAM,))
    with broker(lab.new_folder("broker")) as server:
        own = project_run(lab, lines, server)
        channel = Comparison("i", NAME, lines.events, "in-process channel", "a broker")
        yield in_turns(lab, plan, channel, own, append.project_run(lab, lines, None))
        bare = Comparison("i", NAME, lines.events, "JetStream consumer, nats-py", "a database")
        yield in_turns(lab, plan, bare, own, bare_run(lines, server))


def project_run(lab: Lab, lines: Lines, server: str) -> Run:
    """From the subscriber's start until the broker has no event any more."""

    def run() -> float:
        payloads = payloads_of(lines)
        with (
            lab.fresh(OFFICE) as url,
            project.office(url) as databases,
            waiting(server, payloads),
            closing(Broker(server, name="benchmark")) as link,
        ):
            checkpoint(url)
            subscriber = project.subscriber_of(databases[STREAM], STREAM, link.source(STREAM))
            try:
                seconds = seconds_of(partial(receive, subscriber, link, len(payloads)))
            finally:
                subscriber.stop(STOP_SECONDS)
            append.require_same(url, payloads)
        return seconds

    return run


def receive(subscriber: Subscriber, link: Broker, events: int) -> None:
    """Returns when so many are acknowledged, and the broker knows it.

    Raises:
        TimeoutError: it takes too long.
    """
    deadline = time.monotonic() + project.DRAIN_SECONDS
    subscriber.start()
    while subscriber.acknowledged < events or link.call(left(link.jetstream)):
        if time.monotonic() > deadline:
            raise TimeoutError("events were left unacknowledged")
        time.sleep(POLL_SECONDS)


def bare_run(lines: Lines, server: str) -> Run:
    """The same events by a consumer that does nothing with them."""

    async def consume(jetstream: JetStreamContext) -> float:
        began = time.perf_counter()
        subscription = await subscribe(jetstream, STREAM)
        received = 0
        while received < lines.events:
            messages = await subscription.fetch(FETCH_AT_MOST)
            for message in messages:
                await message.ack()
            received += len(messages)
        while await left(jetstream):
            pass
        seconds = time.perf_counter() - began
        if received != lines.events:
            raise RuntimeError(f"{received} messages for {lines.events} events")
        return seconds

    def run() -> float:
        with waiting(server, payloads_of(lines)):
            return with_jetstream(server, consume)

    return run


@contextmanager
def waiting(server: str, payloads: Sequence[bytes]) -> Iterator[None]:
    """The events in a stream made for one run."""

    async def fill(jetstream: JetStreamContext) -> None:
        await make_stream(jetstream, STREAM)
        for start in range(0, len(payloads), PUBLISHED_AT_ONCE):
            part = payloads[start : start + PUBLISHED_AT_ONCE]
            await asyncio.gather(*(jetstream.publish(subject_of(STREAM), each) for each in part))
        if (there := await left(jetstream)) != len(payloads):
            raise RuntimeError(f"{there} messages wait for {len(payloads)} events")

    async def remove(jetstream: JetStreamContext) -> None:
        await jetstream.delete_stream(name_of(STREAM))

    with_jetstream(server, fill)
    yield
    with_jetstream(server, remove)


async def left(jetstream: JetStreamContext) -> int:
    """Messages that nobody has acknowledged."""
    return (await jetstream.stream_info(name_of(STREAM))).state.messages


def payloads_of(lines: Lines) -> list[bytes]:
    """The events in their order."""
    return lines.file(STREAM).read_bytes().splitlines()


def with_jetstream(server: str, work: Callable[[JetStreamContext], Awaitable[T]]) -> T:
    """Has something done over a plain link of its own."""

    async def linked() -> T:
        client = await nats.connect(server)
        try:
            return await work(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(linked())
