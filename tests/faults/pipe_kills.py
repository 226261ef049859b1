"""Publishers and ingestors killed while events flow through pipes: `make pipe-kills`.

A pipe acknowledges nothing, so that what an ingestor has read and not committed is lost when it is
killed: never more than it reads at once. Prints the seed and what each kill cost; exits 1 where
more was lost, or anything counted twice.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import psycopg2
from click import echo

from e2e.processes import Running, plain_environment
from e2e.queries import fetch, reconciliation
from faults.checker import LogReader, Violation
from faults.pipe_sender import event, notes_of
from faults.server import Server
from pipeline.core.database import Database
from pipeline.schema.migrate import apply_schema
from publisher import SIMULATED
from utils.pipes import READ_BYTES, frame_of
from waits import wait_for

TESTS: Final = Path(__file__).parents[1]
SRC: Final = TESTS.parent / "src"
# Far enough apart that no sender reaches the numbers of the next one.
NUMBERS_EACH: Final = 1_000_000
FLOW: Final = 300
# Longer than the server takes to notice that a client has gone.
NOTICED_SECONDS: Final = 1.5
REST_SECONDS: Final = 600.0
QUICK: Final = {
    "OFFICE_MERGE_SECONDS": "0.5",
    "OFFICE_SWEEP_SECONDS": "5",
    "OFFICE_METRICS_PORT": "0",
}


@dataclass(frozen=True)
class Gap:
    """Events in a row that were written to a pipe and never staged."""

    stream: str
    numbers: tuple[int, ...]

    @property
    def is_one_read(self) -> bool:
        """Whether one read of the pipe can have held them, but for a part of the first and last."""
        sizes = [len(frame_of(event(self.stream, number))) for number in self.numbers]
        return sum(sizes[1:-1]) <= READ_BYTES


class Pair:
    """A sender and an ingestor with pipes between them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir()
        self._log_reader = LogReader(self.logs)
        self._started = 0
        self._firsts: list[int] = []
        self.ingestor = self._new_ingestor()
        self.sender = self._new_sender()

    def kill_ingestor(self) -> None:
        """It is gone at once, with all that it held; another comes in its place."""
        self.ingestor.close()
        self.ingestor = self._new_ingestor()

    def kill_ingestor_that_waits(self) -> None:
        """The same while what it has read cannot be staged, so that it is lost for certain."""
        with closing(psycopg2.connect(self.url)) as link, link.cursor() as cursor:
            cursor.execute("LOCK TABLE staging.event IN EXCLUSIVE MODE")
            self._wait_until_pipes_are_full()
            self.ingestor.close()
            time.sleep(NOTICED_SECONDS)
        self.ingestor = self._new_ingestor()

    def kill_sender(self) -> None:
        """It is gone at once; another one makes the pipes anew."""
        self.sender.close()
        self.sender = self._new_sender()

    def wait_for_flow(self) -> None:
        """Waits until the present ingestor has read all that the present sender has written so far.

        What a sender that was killed has left in its pipe is read by then, too.
        """
        self._wait_until(lambda: "event=receiving" in self.ingestor.err)
        enough = {
            stream: max([self._firsts[-1], *self.sent(stream)[-1:]]) + FLOW for stream in SIMULATED
        }
        self._wait_until(
            lambda: all(self._last(stream) >= number for stream, number in enough.items())
        )

    def settle(self) -> None:
        """Stops the sender, and waits until all that it has written is merged."""
        self.sender.result()
        last = {stream: self.sent(stream)[-1] for stream in SIMULATED}
        self._wait_until(
            lambda: all(self._last(stream) >= number for stream, number in last.items())
        )
        self._wait_until(
            lambda: all(not counts["pending"] for counts in reconciliation(self.url).values())
        )

    def sent(self, stream: str) -> list[int]:
        """The numbers of the events that were written to a pipe, in their order."""
        return [
            int(number)
            for first in self._firsts
            if (notes := notes_of(self.folder, stream, first)).exists()
            for number in notes.read_bytes().split()
        ]

    def gaps(self, stream: str) -> list[Gap]:
        """What was written and never staged."""
        staged = {number for (number,) in fetch(self.url, f"SELECT id FROM {stream}")}
        found: list[list[int]] = []
        was_staged = True
        for number in self.sent(stream):
            if number not in staged:
                found = [*found, []] if was_staged else found
                found[-1].append(number)
            was_staged = number in staged
        return [Gap(stream, tuple(numbers)) for numbers in found]

    def violations(self, *, ingestor_kills: int) -> list[Violation]:
        """What does not hold after so many kills of an ingestor."""
        found = self._log_reader.check()
        for stream, counts in reconciliation(self.url).items():
            doubled = counts["duplicate"] + counts["conflict"]
            gaps = self.gaps(stream)
            if doubled:
                found.append(Violation("doubled", f"{doubled} events of {stream} came twice"))
            if len(gaps) > ingestor_kills:
                found.append(Violation("lost", f"{len(gaps)} gaps in {stream}"))
            found += [
                Violation("lost", f"{len(gap.numbers)} events of {stream} at once")
                for gap in gaps
                if not gap.is_one_read
            ]
        return found

    def close(self) -> None:
        self.sender.close()
        self.ingestor.close()

    def _wait_until(self, condition: Callable[[], object]) -> None:
        def is_true() -> bool:
            assert self.ingestor.process.poll() is None, self.ingestor.err
            return bool(condition())

        assert wait_for(is_true, REST_SECONDS), "it did not become true"

    def _last(self, stream: str) -> int:
        [(number,)] = fetch(self.url, f"SELECT coalesce(max(id), 0) FROM {stream}")
        return int(number)

    def _wait_until_pipes_are_full(self) -> None:
        before: dict[str, int] = {}

        def is_full() -> bool:
            nonlocal before
            time.sleep(0.5)
            now = {stream: len(self.sent(stream)) for stream in SIMULATED}
            before, was = now, before
            return now == was

        self._wait_until(is_full)

    def _new_ingestor(self) -> Running:
        pipes = {f"{stream.upper()}_PIPE_NAME": str(self.folder / stream) for stream in SIMULATED}
        return self._start([str(SRC / "ingestor.py")], DATABASE_URL=self.url, **QUICK, **pipes)

    def _new_sender(self) -> Running:
        self._firsts.append(NUMBERS_EACH * (1 + len(self._firsts)))
        return self._start(
            ["-m", "faults.pipe_sender", str(self.folder), str(self._firsts[-1])],
            PYTHONPATH=f"{SRC}:{TESTS}",
        )

    def _start(self, arguments: list[str], **variables: str) -> Running:
        self._started += 1
        return Running(
            [sys.executable, *arguments],
            environment={**plain_environment(), **variables},
            home=self.folder,
            output=self.logs / f"{self._started:03}",
        )


def suffer(
    pair: Pair, rng: Random, *, sender_kills: int, ingestor_kills: int, say: Callable[[str], None]
) -> list[Violation]:
    """Kills both in a random order while events flow; what does not hold at the end."""
    waiting = ingestor_kills // 2
    kills = (
        [("publisher killed", pair.kill_sender)] * sender_kills
        + [("ingestor killed that waits for the database", pair.kill_ingestor_that_waits)] * waiting
        + [("ingestor killed", pair.kill_ingestor)] * (ingestor_kills - waiting)
    )
    rng.shuffle(kills)
    for number, (name, kill) in enumerate(kills, 1):
        pair.wait_for_flow()
        time.sleep(rng.uniform(0, 0.5))
        say(f"{number:3}/{len(kills)}  {name}")
        kill()
    pair.wait_for_flow()
    pair.settle()
    return pair.violations(ingestor_kills=ingestor_kills)


@contextmanager
def pair_of_its_own() -> Iterator[Pair]:
    """A sender and an ingestor on a server of their own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="office-pipes-")))
        server = Server(27600)
        stack.callback(server.close)
        with closing(Database(server.url)) as database:
            apply_schema(database)
        yield stack.enter_context(closing(Pair(server.url, folder)))


def main() -> int:
    """Does it, and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of publishers, and of ingestors")
    parser.add_argument("--seed", default=str(random.randrange(10**6)))
    asked = parser.parse_args()
    echo(f"seed {asked.seed}: {asked.kills} kills of publishers and as many of ingestors")
    with pair_of_its_own() as pair:
        found = suffer(
            pair,
            Random(asked.seed),
            sender_kills=asked.kills,
            ingestor_kills=asked.kills,
            say=echo,
        )
        report(pair)
    for violation in found[:20]:
        echo(f"  {violation}")
    echo("Everything holds." if not found else f"{len(found)} violations.")
    return 1 if found else 0


def report(pair: Pair) -> None:
    """What was sent, staged and lost."""
    for stream, counts in reconciliation(pair.url).items():
        lost = [len(gap.numbers) for gap in pair.gaps(stream)]
        echo(
            f"{stream}: {len(pair.sent(stream)):,} events written, {counts['merged']:,} merged, "
            f"{counts['duplicate'] + counts['conflict']} came twice, {counts['rejected']} torn; "
            f"lost {sum(lost)}, by kill {sorted(lost)}"
        )


if __name__ == "__main__":
    sys.exit(main())
