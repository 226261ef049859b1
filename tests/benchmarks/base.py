"""A history that is there already: as many raw rows as wanted, merged, made by SQL."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.copying import execute
from benchmarks.lab import OFFICE, Lab, autocommitting, checkpoint, connected
from benchmarks.lines import Lines, make_lines
from benchmarks.rows import vacuum
from pipeline.core.database import Database

BASE_ROWS_SQL: Final = (Path(__file__).parent / "base_rows.sql").read_text(encoding="utf-8")
CLAIMS_PER_DIAGNOSE: Final = 10
CHUNK: Final = 200_000
"""Raw rows of both streams that two transactions make."""
WORKERS: Final = 2
SECOND: Final = timedelta(seconds=1)

# Sequences know nothing of rows that brought their number.
MOVE_SEQUENCES: Final = """
    SELECT
        setval(
            pg_get_serial_sequence('staging.event', 'seq'), (SELECT max(seq) FROM staging.event)
        ),
        setval(
            pg_get_serial_sequence('staging.merge_run', 'run_id'),
            (SELECT max(run_id) FROM staging.merge_run)
        )
    """
LINES_OF: Final = """
    COPY (
        SELECT e.payload FROM staging.event AS e JOIN staging.outcome AS o ON e.seq = o.seq
        WHERE e.stream = '{}' AND o.fate IN ('merged', 'duplicate') ORDER BY e.seq
    ) TO STDOUT
    """


# Links that are opened afterwards record how long they wait for reads.
MEASURE_READS: Final = """
    DO $$
    BEGIN
        EXECUTE format('ALTER DATABASE %I SET track_io_timing = on', current_database());
    END $$
    """

MAKE_PARTITIONS: Final = "SELECT staging.make_partitions(%s, %s)"
DAYS_AT_ONCE: Final = 300


@dataclass(frozen=True)
class Base:
    """A database with a history, on top of which more events come."""

    url: str
    claims: int
    began_at: datetime
    ended_at: datetime
    _numbers: "count[int]" = field(default_factory=count)

    @property
    def diagnoses(self) -> int:
        """How many events of the other stream there are."""
        return self.claims // CLAIMS_PER_DIAGNOSE

    @property
    def rows(self) -> int:
        """All raw rows."""
        return self.claims + self.diagnoses

    def more_lines(self, lab: Lab, events: int) -> Lines:
        """Other lines each time: new ids, and repeats of them and of any row of the history."""
        folder = lab.new_folder("more")
        return make_lines(folder, events, first_id=self.next_first_id(), earlier=self.earlier)

    def next_first_id(self) -> int:
        """The first of a million ids, of each stream, that nobody has used."""
        return self.claims + 1 + next(self._numbers) * 1_000_000

    def all_lines(self, folder: Path) -> Lines:
        """The history as lines, for others to load; what the contract refuses is left out."""
        folder.mkdir()
        lines = Lines(folder, 1, {"claim": self.claims, "diagnose": self.diagnoses})
        with connected(self.url) as opened, opened.cursor() as cursor:
            for stream in lines.counts:
                with lines.file(stream).open("wb") as file:
                    cursor.copy_expert(LINES_OF.format(stream), file)
        return lines

    def earlier(self, stream: str, rng: Random) -> bytes:
        """A merged event of the history, as its payload stands there."""
        while True:
            number = rng.randint(1, self.claims if stream == "claim" else self.diagnoses)
            if number * 7817 % 1000 >= 100:
                return _payload(stream, number)


def kept_base(lab: Lab, claims: int) -> Base:
    """A history of so many claims; made once, whichever works ask for it, and only when they do.

    A long one made beforehand would have driven the short ones out of the machine's memory.
    """
    kept: dict[int, Base] = lab.kept.setdefault("bases", {})
    if claims not in kept:
        kept[claims] = make_base(lab, claims)
    return kept[claims]


def make_base(lab: Lab, claims: int) -> Base:
    """Makes a history of so many claims that ends at the last midnight, UTC."""
    began = time.monotonic()
    base = fill_history(lab.database(OFFICE), claims, last_midnight())
    execute(base.url, MEASURE_READS)
    checkpoint(base.url)
    lab.say(f"{base.rows:,} raw rows made in {time.monotonic() - began:.0f} s.")
    return base


def last_midnight() -> datetime:
    """In UTC, as partitions begin."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def fill_history(url: str, claims: int, ended_at: datetime, *, apart: timedelta = SECOND) -> Base:
    """Makes a history in an empty office's database, an event each second or further apart.

    It comes to what the merge would have left, by SQL and in many transactions, two at a time.
    """
    rows = claims + claims // CLAIMS_PER_DIAGNOSE
    base = Base(url, claims, ended_at - rows * apart, ended_at)
    _make_partitions(base)
    starts = range(1, rows + 1, CHUNK)
    with ThreadPoolExecutor(WORKERS) as pool:
        for made in [
            pool.submit(_make_chunks, base, starts[worker::WORKERS], apart)
            for worker in range(WORKERS)
        ]:
            made.result()
    execute(url, MOVE_SEQUENCES)
    vacuum(url)
    return base


def _make_partitions(base: Base) -> None:
    first, last = base.began_at.date(), base.ended_at.date()
    with autocommitting(base.url) as cursor:
        while first <= last:
            until = min(first + timedelta(days=DAYS_AT_ONCE), last)
            cursor.execute(MAKE_PARTITIONS, (first, until))
            first = until + timedelta(days=1)


def _make_chunks(base: Base, starts: range, apart: timedelta) -> None:
    with closing(Database(base.url, name="benchmark", statement_seconds=3600)) as database:
        for start in starts:
            chunk = {
                "first": start,
                "last": min(start + CHUNK - 1, base.rows),
                "first_at": base.began_at - apart,
                "apart": apart,
            }
            for stream in ("claim", "diagnose"):
                with database.transaction() as cursor:
                    cursor.execute(BASE_ROWS_SQL, {"stream": stream, **chunk})


def _payload(stream: str, number: int) -> bytes:
    place = number * 37 % 1000
    event: dict[str, object] = {"id": number, "patient_id": 1 + place}
    if stream == "claim":
        return json.dumps({**event, "code": "99213", "price": 10 + number % 90}).encode()
    code = {0: "R41.3", 1: "J44.9"}.get(place // 100, "I10")
    return json.dumps({**event, "icd10_code": code}).encode()
