"""Ingestors that share a broker's streams, on servers of their own, and what sends them events."""

import asyncio
import itertools
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from nats.js import JetStreamContext

from e2e.processes import Running, plain_environment
from faults.checker import Checker, LogReader, Violation, difference_of_states
from faults.events import CANARY, Events
from faults.ledger import Ledger
from faults.server import Reader, Server
from pipeline.core.database import Database
from pipeline.operations.embedded_broker import BrokerServer
from pipeline.schema.migrate import apply_schema
from publisher import SIMULATED
from utils.jetstream import Broker, make_stream, name_of, subject_of
from waits import wait_for

SRC: Final = Path(__file__).parents[2] / "src"
AT_ONCE: Final = 200
ANSWER_SECONDS: Final = 3.0
AGAIN_SECONDS: Final = 0.2
STOP_SECONDS: Final = 20.0
REST_SECONDS: Final = 300.0
QUICK: Final = {
    "OFFICE_MERGE_SECONDS": "0.5",
    "OFFICE_SWEEP_SECONDS": "2",
    "OFFICE_METRICS_PORT": "0",
    "OFFICE_STOP_AT_END_OF_INPUT": "1",
}
STAGED_SINCE: Final = """
    SELECT count(*), extract(epoch FROM max(received_at) - min(received_at))
    FROM staging.event WHERE seq > {}
    """


class EventSource(Protocol):
    """Events of both streams without end."""

    count: int

    def next(self, stream: str) -> bytes:
        """The next event of a stream."""


@dataclass(frozen=True)
class Message:
    """An event on its way to the broker, and the id under which it is taken once."""

    stream: str
    payload: bytes
    message_id: str


class Sender:
    """Publishes events at a steady rate, each again until the broker has taken it."""

    def __init__(
        self, url: str, events: EventSource, ledger: Ledger, *, count: int, per_second: float
    ) -> None:
        self.sent = 0
        self._events = events
        self._ledger = ledger
        self._count = count
        self._pause = AT_ONCE / per_second
        self._closing = threading.Event()
        self._broker = Broker(url, name="sender")
        self._thread = threading.Thread(target=self._send_all, name="sender", daemon=True)
        self._thread.start()

    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._broker.close()

    def _send_all(self) -> None:
        for stream in SIMULATED:
            self._broker.call(make_stream(self._broker.jetstream, stream))
        due = time.monotonic()
        for start in range(0, self._count, AT_ONCE):
            self._send([self._message() for _ in range(min(AT_ONCE, self._count - start))])
            due = max(due + self._pause, time.monotonic() - self._pause)
            if self._closing.wait(max(0.0, due - time.monotonic())):
                return

    def _message(self) -> Message:
        stream = SIMULATED[self._events.count % len(SIMULATED)]
        return Message(stream, self._events.next(stream), uuid.uuid4().hex)

    def _send(self, messages: Sequence[Message]) -> None:
        while messages and not self._closing.is_set():
            refused = self._broker.call(offer(self._broker.jetstream, messages), REST_SECONDS)
            for message in messages:
                if message not in refused:
                    self._ledger.publish(message.stream, message.payload)
                    self.sent += 1
            messages = refused
            if messages:
                self._closing.wait(AGAIN_SECONDS)


async def offer(jetstream: JetStreamContext, messages: Sequence[Message]) -> list[Message]:
    """Publishes them together; those that the broker has not said to have taken."""
    answers = await asyncio.gather(
        *(
            jetstream.publish(
                subject_of(message.stream),
                message.payload,
                timeout=ANSWER_SECONDS,
                headers={"Nats-Msg-Id": message.message_id},
            )
            for message in messages
        ),
        return_exceptions=True,
    )
    answered = zip(messages, answers, strict=True)
    return [message for message, answer in answered if isinstance(answer, BaseException)]


def waiting(url: str) -> int:
    """Events that a broker has and nobody has acknowledged."""
    with closing(Broker(url, name="harness")) as link:
        infos = [link.call(link.jetstream.stream_info(name_of(stream))) for stream in SIMULATED]
    return sum(info.state.messages for info in infos)


class Crowd:
    """A database, a broker, and ingestors that come and go."""

    def __init__(
        self,
        seed: str,
        *,
        port: int = 27000,
        events: EventSource | None = None,
        ids: str | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="office-crowd-"))
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.server = Server(port)
        self.reader = Reader(self.server.url)
        with closing(Database(self.server.url)) as database:
            apply_schema(database, ids=ids)
        self.reader.rows(f"UPDATE patient SET first_name = '{CANARY}', last_name = '{CANARY}'")
        self.broker = BrokerServer(self.folder / "broker")
        self.broker.start()
        self.events = events or Events(seed)
        self.ledger = Ledger()
        self.checker = Checker(self.server.url, self.ledger)
        self.log_reader = LogReader(self.logs, self.folder / "broker" / "log", self.server.log)
        self.ingestors: list[Running] = []
        self._numbers = itertools.count()

    def send(self, count: int, *, per_second: float) -> Sender:
        """Begins to publish so many events."""
        return Sender(self.broker.url, self.events, self.ledger, count=count, per_second=per_second)

    def start(self, script: str, *arguments: str) -> Running:
        at = {"DATABASE_URL": self.server.url, "OFFICE_HOME": str(self.folder / "home")}
        return Running(
            [sys.executable, str(SRC / f"{script}.py"), *arguments],
            environment={
                **plain_environment(),
                **QUICK,
                **at,
                "OFFICE_BROKER_URL": self.broker.url,
            },
            home=self.folder,
            output=self.logs / f"{next(self._numbers):04}-{script}",
        )

    def add_ingestor(self) -> None:
        self.ingestors.append(self.start("ingestor"))

    def kill_ingestor(self, number: int) -> None:
        """It is gone at once, with all that it held; another comes in its place."""
        self.ingestors.pop(number).close()
        self.add_ingestor()

    def remove_ingestor(self, number: int) -> list[Violation]:
        """It is asked to stop, and drains."""
        leaving = self.ingestors.pop(number)
        # Before it says so, a signal ends it at once.
        leaving.wait_until(lambda: "event=started" in leaving.err)
        leaving.process.terminate()
        wait_for(lambda: leaving.process.poll() is not None, STOP_SECONDS)
        code = leaving.process.poll()
        said = leaving.err[-300:]
        leaving.close()
        return [] if code == 0 else [Violation("drain", f"an ingestor ended with {code}: {said}")]

    def waiting(self) -> int:
        """Events that the broker has and nobody has acknowledged."""
        return waiting(self.broker.url)

    def staged_since(self, seq: int) -> tuple[int, float]:
        """Raw rows behind one, and the seconds between the first and the last of them."""
        [(count, seconds)] = self.reader.rows(STAGED_SINCE.format(seq))
        return int(count), float(seconds or 0)

    def last_seq(self) -> int:
        [(seq,)] = self.reader.rows("SELECT coalesce(max(seq), 0) FROM staging.event")
        return int(seq)

    def rest(self) -> list[Violation]:
        """Waits until nothing is on its way; what doesn't hold then."""
        return self.settle() or self.checker.check(is_at_rest=True)

    def settle(self) -> list[Violation]:
        """Waits until nothing is on its way; what keeps it from that."""
        if not wait_for(lambda: self.waiting() == 0, REST_SECONDS):
            return [Violation("I1", f"{self.waiting()} events stay with the broker")]
        if not wait_for(lambda: self.checker.pending() == 0, REST_SECONDS):
            return [Violation("I4", "raw rows stay pending though the input has stopped")]
        crashed = [
            each.process.poll() for each in self.ingestors if each.process.poll() is not None
        ]
        return [Violation("crash", f"an ingestor ended with {code}") for code in crashed]

    def check_everything(self) -> list[Violation]:
        """Every row, the figures, the logs, `verify`, and that running again changes nothing."""
        found = self.checker.check(is_at_rest=True, everything=True)
        found += self.run("analytics")
        found += self.checker.check_figures()
        before = self.checker.state()
        found += self.run("merge") + self.run("analytics")
        found += difference_of_states(before, self.checker.state())
        found += self.run("verify", "--all")
        return found + self.log_reader.check()

    def close(self) -> None:
        for ingestor in self.ingestors:
            ingestor.close()
        self.broker.stop()
        self.reader.close()
        self.checker.close()
        self.server.stop("fast")
        self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command: str) -> list[Violation]:
        """Runs a command to its end; where it fails, with what it said."""
        done = self.start("office", *command).result()
        if done.code == 0:
            return []
        return [
            Violation(command[0], f"ended with {done.code}: {done.out[-500:]}{done.err[-300:]}")
        ]
