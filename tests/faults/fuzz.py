"""Fuzz: generated payloads through both doors, held against the independent model.

Run as `make fuzz [N=…] [SEED=…]`; exit code 1 where a promise broke.
The server is one of its own, made for the run and removed after it.
"""

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import click

from faults.costs import TOO_DEAR, Averages, dear_ones
from faults.payloads import Payload, payloads
from faults.staged import Staged, broken_promises, clean_layer, read_staged, receive_at
from generators import PATIENTS, RECEIVED_AT
from ingestor import on_arrival
from integration.events import compute_and_publish
from model import Clean, Outcome, merge
from pipeline.core.database import Database, describe
from pipeline.core.streams import STREAMS
from pipeline.merge.merge import Look, merge_pending
from pipeline.operations.embedded import server
from pipeline.schema.migrate import apply_schema
from pipeline.staging.append import load_lines
from prepared import INIT_SQL, make_server_home

PORT: Final = 25435
LARGEST_GROUP: Final = 400
# A little more, for what is no line goes by the callback in any case.
HALF: Final = 0.52
GROUPS_BETWEEN_MERGES: Final = 6
CHECKPOINTS: Final = 10

Say = Callable[[str], None]


class Violation(Exception):  # noqa: N818  (a finding, not an error of ours)
    """A promise broke: at which payloads, and how; never what they hold."""

    def __init__(self, finding: str, suspects: dict[int, Payload] | None = None) -> None:
        super().__init__(finding)
        self.suspects = suspects or {}


@dataclass
class Fuzz:
    """A run: sends, merges, compares; `random` decides how the work is cut up."""

    database: Database
    random: Random
    averages: Averages
    expected: Clean = field(default_factory=Clean)
    sent: int = 0
    stops: int = 0
    _unmerged: list[Payload] = field(default_factory=list)
    _digest: bytes = b""

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of each payload so far, as the database and the model agree."""
        return self.expected.outcomes

    def run(self, source: Iterator[Payload], count: int, say: Say) -> None:
        """Sends so many payloads, and checks everything on the way and at the end.

        Raises:
            Violation: something broke.
        """
        began = time.monotonic()
        for checkpoint in range(1, CHECKPOINTS + 1):
            goal = count * checkpoint // CHECKPOINTS
            while self.sent < goal:
                self._send_some(source, goal)
                self.merge()
                self.check_merged()
            self.check_everything()
            say(f"{self.sent} payloads, {self.stops} stops, {time.monotonic() - began:.0f} s")

    def _send_some(self, source: Iterator[Payload], goal: int) -> None:
        for _ in range(self.random.randint(1, GROUPS_BETWEEN_MERGES)):
            size = min(self.random.randint(1, LARGEST_GROUP), goal - self.sent)
            self.send(list(islice(source, size)))

    def send(self, group: list[Payload]) -> None:
        """Sends a group by one door or the other; what is no line of a file by the callback."""
        by_load = self.random.random() < HALF
        lines = [payload for payload in group if by_load and is_line(payload[1])]
        for payload in group:
            if not (by_load and is_line(payload[1])):
                self._send_run(_by_callback, [payload])
        for stream in STREAMS:
            self._send_run(_by_load, [line for line in lines if line[0] == stream])

    def _send_run(
        self, door: Callable[[Database, list[Payload]], None], run: list[Payload]
    ) -> None:
        self._unmerged += run
        self.sent += len(run)
        with self._stopping(run):
            door(self.database, run)

    def merge(self) -> None:
        """Merges all, in batches of random size."""
        size = round(10 ** self.random.uniform(0.7, 3.7))
        with self._stopping(self._unmerged):
            for sweep in (None, Look.ALL):
                for _ in merge_pending(self.database, batch_size=size, sweep=sweep):
                    pass

    @contextmanager
    def _stopping(self, suspects: list[Payload]) -> Iterator[None]:
        """Whatever is raised within stops the pipeline."""
        try:
            yield
        except Exception as error:
            self.stops += 1
            first = self.sent - len(suspects) + 1
            raise Violation(
                f"stopped by {describe(error)} at one of {len(suspects)} payloads",
                dict(enumerate(suspects, start=first)),
            ) from error

    def check_merged(self) -> None:
        """Every payload is there, byte for byte, and its outcome is what the model says."""
        first = len(self.outcomes)
        staged = read_staged(self.database, after=first)
        self._check(staged, first)
        self._check_costs(staged, first)
        self._unmerged = []

    def _check(self, staged: list[Staged], first: int) -> None:
        came_back = [(row.raw.stream, row.raw.payload) for row in staged]
        if came_back != self._unmerged:
            place, suspect = _first_difference(came_back, self._unmerged)
            raise Violation(
                f"payload {first + place} did not come back as it was sent, once",
                {first + place: suspect},
            )
        merge([row.raw for row in staged], PATIENTS, onto=self.expected)
        for number, row in enumerate(staged, start=first):
            if row.outcome != self.outcomes[number]:
                raise Violation(
                    f"payload {number + 1}: {_told(row.outcome)}; "
                    f"the model says {_told(self.outcomes[number])}",
                    {number + 1: self._unmerged[number - first]},
                )
        for stream, payload in self._unmerged:
            self._digest = _digest(self._digest, stream, payload)

    def _check_costs(self, staged: list[Staged], first: int) -> None:
        """No payload costs many times as much as an average one of its size."""
        by_seq = {row.raw.seq: row.raw for row in staged}
        for stream in STREAMS:
            for seq in dear_ones(self.database, self.averages, stream, after=first):
                payload = by_seq[seq].payload
                times = self.averages.times_of(self.database, stream, payload.decode())
                if times > TOO_DEAR:
                    raise Violation(
                        f"payload {seq} costs {times:.0f} times as much as an average one",
                        {seq: (stream, payload)},
                    )

    def check_everything(self) -> None:
        """The clean layer is the model's; figures come out, and every promise holds."""
        if clean_layer(self.database) != (self.expected.claims, self.expected.diagnoses):
            raise Violation("the clean layer is not the model's")
        with self._stopping([]):
            compute_and_publish(self.database, RECEIVED_AT.replace(year=RECEIVED_AT.year + 1))
        broken = broken_promises(self.database)
        if broken:
            raise Violation(f"verify: broken: {', '.join(broken)}")

    def check_all_read_back(self) -> None:
        """What was staged first is still as it was sent."""
        digest = b""
        for row in read_staged(self.database):
            digest = _digest(digest, row.raw.stream, row.raw.payload)
        if digest != self._digest:
            raise Violation("what was staged has changed since")


def is_line(payload: bytes) -> bool:
    """Whether a line of a file can be just this."""
    return payload != b"" and b"\n" not in payload and not payload.endswith(b"\r")


def _by_callback(database: Database, run: list[Payload]) -> None:
    for stream, payload in run:
        on_arrival(database, stream)([payload])


def _by_load(database: Database, run: list[Payload]) -> None:
    if not run:
        return
    file = BytesIO(b"".join(payload + b"\n" for _, payload in run))
    for _ in load_lines(database, run[0][0], file):
        pass


def _digest(so_far: bytes, stream: str, payload: bytes) -> bytes:
    return sha256(so_far + stream.encode() + payload).digest()


def _first_difference(came: list[Payload], sent: list[Payload]) -> tuple[int, Payload]:
    """Number and content of the first payload that differs, as sent where it was sent."""
    for number, (one, other) in enumerate(zip(came, sent, strict=False), start=1):
        if one != other:
            return number, other
    number = min(len(came), len(sent))
    return number + 1, (sent if len(sent) > number else came)[number]


def _told(outcome: Outcome | None) -> str:
    if outcome is None:
        return "no outcome"
    return f"{outcome.fate} {outcome.reason or ''} id={outcome.entity_id}".replace("  ", " ")


def summary(fuzz: Fuzz) -> list[str]:
    """Counts by fate and reason, and the sentence that matters."""
    counts = Counter((outcome.fate, outcome.reason or "") for outcome in fuzz.outcomes)
    share = len(fuzz.outcomes) / fuzz.sent if fuzz.sent else 1
    return [
        *(
            f"{fate:<10} {reason:<16} {count:>8}"
            for (fate, reason), count in sorted(counts.items())
        ),
        f"{fuzz.sent} payloads, {fuzz.stops} stops, {100 * share:.4g} % with an outcome",
    ]


def keep(suspects: dict[int, Payload]) -> Path:
    """Writes payloads to files, for the developer; the log never holds them."""
    folder = Path(tempfile.mkdtemp(prefix="office-fuzz-"))
    for number, (stream, payload) in suspects.items():
        (folder / f"{number}.{stream}").write_bytes(payload)
    return folder


@contextmanager
def own_database(say: Say) -> Iterator[Database]:
    """A database on a server of its own, where everything arrives at the same moment."""
    home = make_server_home()
    try:
        with (
            server(home, init_sql=INIT_SQL, say=say, port=PORT) as url,
            closing(Database(url, name="fuzz")) as database,
        ):
            apply_schema(database)
            receive_at(database, RECEIVED_AT)
            commit_without_waiting(database)
            yield database
    finally:
        shutil.rmtree(home)


def commit_without_waiting(database: Database) -> None:
    """Leaves out the wait for the disk: no crash belongs to this, and it is most of the time."""
    with database.transaction() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
    database.close()


def fuzz_database(database: Database, *, count: int, seed: int, say: Say) -> bool:
    """Fuzzes an empty database; whether every promise held."""
    say(f"seed {seed}")
    fuzz = Fuzz(database, Random(f"how {seed}"), Averages(database))
    violation: Violation | None = None
    try:
        fuzz.run(payloads(Random(f"what {seed}")), count, say)
        fuzz.check_all_read_back()
    except Violation as found:
        violation = found
    for line in summary(fuzz):
        say(line)
    if violation is None:
        return True
    say(f"FAILED with --payloads {count} --seed {seed}: {violation}")
    if violation.suspects:
        say(f"The payloads in question are in {keep(violation.suspects)}.")
    return False


@click.command()
@click.option("--payloads", "count", type=click.IntRange(min=1), default=100_000, show_default=True)
@click.option("--seed", type=int, help="Repeats a run; chosen by chance where not given.")
def main(count: int, seed: int | None) -> None:
    """Sends generated payloads through the callback and through load, and checks every promise."""
    chosen = random.SystemRandom().randrange(10**9) if seed is None else seed
    with own_database(click.echo) as database:
        held = fuzz_database(database, count=count, seed=chosen, say=click.echo)
    sys.exit(not held)


if __name__ == "__main__":
    main()
