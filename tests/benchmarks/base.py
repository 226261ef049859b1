"""A history that is there already: as many raw rows as wanted, merged, made by SQL."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.copying import execute
from benchmarks.lab import OFFICE, Lab, connected
from benchmarks.lines import Lines, make_lines
from benchmarks.rows import vacuum
from pipeline.database import Database

BASE_ROWS_SQL: Final = (Path(__file__).parent / "base_rows.sql").read_text(encoding="utf-8")
CHUNK: Final = 200_000
"""Raw rows of both streams that two transactions make."""

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


@dataclass(frozen=True)
class Base:
    """A database with a history, on top of which more events come."""

    url: str
    rows: int
    _numbers: "count[int]" = field(default_factory=count)

    def more_lines(self, lab: Lab, events: int) -> Lines:
        """Other lines each time: new ids, and repeats of them and of any row of the history."""
        first_id = self.rows // 2 + 1 + next(self._numbers) * events
        folder = lab.new_folder("more")
        return make_lines(folder, events, first_id=first_id, earlier=partial(earlier, self.rows))

    def all_lines(self, folder: Path) -> Lines:
        """The history as lines, for others to load; what the contract refuses is left out."""
        folder.mkdir()
        lines = Lines(folder, 1, dict.fromkeys(("claim", "diagnose"), self.rows // 2))
        with connected(self.url) as opened, opened.cursor() as cursor:
            for stream in lines.counts:
                with lines.file(stream).open("wb") as file:
                    cursor.copy_expert(LINES_OF.format(stream), file)
        return lines


def make_base(lab: Lab, rows: int) -> Base:
    """Makes a history that ends today; both streams at once, in many transactions."""
    began = time.monotonic()
    url = lab.database(OFFICE)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first_at = today - timedelta(seconds=rows)
    with ThreadPoolExecutor(2) as pool:
        streams = [
            pool.submit(_make_stream, url, stream, first, rows, first_at)
            for stream, first in (("claim", 1), ("diagnose", 2))
        ]
        for stream in streams:
            stream.result()
    execute(url, MOVE_SEQUENCES)
    vacuum(url)
    lab.say(f"{rows:,} raw rows made in {time.monotonic() - began:.0f} s.")
    return Base(url, rows)


def _make_stream(url: str, stream: str, first: int, rows: int, first_at: datetime) -> None:
    with closing(Database(url, name="benchmark", statement_seconds=3600)) as database:
        for start in range(first, rows + 1, CHUNK):
            last = min(start + CHUNK - 2, rows)
            chunk = {"stream": stream, "first": start, "last": last, "first_at": first_at}
            with database.transaction() as cursor:
                cursor.execute(BASE_ROWS_SQL, chunk)


def earlier(rows: int, stream: str, rng: Random) -> bytes:
    """A merged event of a history of so many rows, as its payload stands there."""
    while True:
        number = rng.randint(1, rows // 2)
        seq = 2 * number - (stream == "claim")
        if seq * 7919 % 1000 >= 100:
            return _payload(stream, number)


def _payload(stream: str, number: int) -> bytes:
    place = number * 37 % 1000
    event: dict[str, object] = {"id": number, "patient_id": 1 + place}
    if stream == "claim":
        return json.dumps({**event, "code": "99213", "price": 10 + number % 90}).encode()
    code = {0: "R41.3", 1: "J44.9"}.get(place // 100, "I10")
    return json.dumps({**event, "icd10_code": code}).encode()
