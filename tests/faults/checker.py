"""Holds the database against what the harness knows, without a line of the pipeline.

I1 every acknowledged event is staged, and in the end every published one; I2 a raw row has one
outcome or none yet; I3 clean rows correspond one to one to merged outcomes and say what they must;
I4 nothing is pending at rest; I5 the published figures equal a recompute; I6 running anything again
changes nothing; I7 no payload and no patient's data is in a log.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from faults.events import CANARY
from faults.ledger import Event, Ledger
from faults.server import Reader
from model import Claim, Clean, Diagnosis, Outcome, RawRow, merge, revenue

Row = tuple[Any, ...]

PATIENTS: Final = range(1, 1001)
TABLES: Final = {"claim": "claim", "diagnose": "diagnose"}
# Traces of a payload: what is planted in each of them, and its fields as they are written there.
TRACE: Final = re.compile(
    CANARY.encode() + rb'|"patient_id": ?[0-9]|"price": ?[0-9]|"icd10_code": ?"', re.IGNORECASE
)
LONGEST_TRACE: Final = 20

NEW_RAW_ROWS = """
    SELECT seq, stream, coalesce(payload_bytes, convert_to(payload, 'UTF8')), received_at
    FROM staging.event WHERE xid >= %s::xid8
    """
NEW_OUTCOMES = """
    SELECT seq, stream, entity_id, fate, reason, run_id
    FROM staging.outcome WHERE stream = %s AND run_id > %s ORDER BY run_id, seq
    """
CLAIMS = "SELECT id, code, price, patient_id, tsp FROM claim"
DIAGNOSES = "SELECT id, icd10_code, patient_id, tsp FROM diagnose"
COUNTS = """
    SELECT
        (SELECT count(*) FROM staging.event),
        (SELECT count(*) FROM staging.outcome),
        (SELECT count(*) FROM claim),
        (SELECT count(*) FROM diagnose)
    """
FIGURES = (
    "SELECT window_start, category, revenue, claims, patients FROM analytics.revenue_by_diagnosis"
)
STATE = (
    "SELECT xmin::text, * FROM claim ORDER BY id",
    "SELECT xmin::text, * FROM diagnose ORDER BY id",
    "SELECT xmin::text, * FROM staging.outcome ORDER BY seq",
    "SELECT xmin::text, * FROM analytics.revenue_by_diagnosis ORDER BY window_start, category",
)


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, and how it shows."""

    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


@dataclass
class Seen:
    """What was read so far."""

    raw: dict[int, RawRow] = field(default_factory=dict)
    staged: Counter[Event] = field(default_factory=Counter)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    clean: Clean = field(default_factory=Clean)
    oldest_open_xid: str = "0"
    last_run: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))


class Checker:
    """Reads what is new since its last look, feeds the model with it, and compares."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        self._url = url
        self._reader = Reader(url)
        self._ledger = ledger
        self._seen = Seen()

    def pending(self) -> int:
        """Raw rows without an outcome."""
        query = """
            SELECT count(*) FROM staging.event AS e
            WHERE NOT EXISTS (SELECT FROM staging.outcome AS o WHERE o.seq = e.seq)
            """
        [(count,)] = self._reader.rows(query)
        return int(count)

    def check(self, *, is_at_rest: bool, everything: bool = False) -> list[Violation]:
        """What does not hold.

        Args:
            is_at_rest: the input has stopped and been worked off.
            everything: compare every row that was ever seen again, not just the new ones.
        """
        # First: what is acknowledged by now must be in the snapshot that is read afterwards.
        acknowledged = self._ledger.acknowledged()
        with closing(psycopg2.connect(self._url)) as connection:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            with connection.cursor() as cursor:
                self._read_raw_rows(cursor)
                found = self._new_outcomes(cursor)
                found += self._counts(cursor)
                if everything:
                    found += self._all_rows(cursor)
        found += missing("I1", "acknowledged and not staged", acknowledged, self._seen.staged)
        if is_at_rest:
            found += self._at_rest()
        return found

    def check_figures(self) -> list[Violation]:
        """I5, once every window that is due has been published."""
        now = datetime.now(UTC)
        published = {(row[0], row[1]): row[2:] for row in self._reader.rows(FIGURES)}
        expected = {
            key: (figure.revenue, figure.claims, figure.patients)
            for key, figure in revenue(self._seen.clean, now).items()
        }
        wrong = [key for key in expected | published if expected.get(key) != published.get(key)]
        return [
            Violation("I5", f"figures of {window:%Y-%m-%d %H:%M} {category} are not as recomputed")
            for window, category in sorted(wrong)
        ]

    def state(self) -> list[list[Row]]:
        """Clean rows, outcomes and figures, with the transaction that wrote each."""
        return [self._reader.rows(query) for query in STATE]

    def close(self) -> None:
        self._reader.close()

    def lost(self) -> int:
        """Events that were acknowledged and are not staged by now."""
        acknowledged = self._ledger.acknowledged()
        with closing(psycopg2.connect(self._url)) as opened, opened.cursor() as cursor:
            self._read_raw_rows(cursor)
        return sum((acknowledged - self._seen.staged).values())

    def counted_twice(self) -> int:
        """Merged outcomes beyond one for an id."""
        query = """
            SELECT count(*) - count(DISTINCT (stream, entity_id))
            FROM staging.outcome WHERE fate = 'merged'
            """
        [(count,)] = self._reader.rows(query)
        return int(count)

    def _read_raw_rows(self, cursor: Any) -> None:  # noqa: ANN401
        cursor.execute(NEW_RAW_ROWS, (self._seen.oldest_open_xid,))
        for seq, stream, payload, received_at in cursor.fetchall():
            if seq not in self._seen.raw:
                row = RawRow(seq, stream, bytes(payload), received_at)
                self._seen.raw[seq] = row
                self._seen.staged[stream, row.payload] += 1
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        [(self._seen.oldest_open_xid,)] = cursor.fetchall()

    def _new_outcomes(self, cursor: Any) -> list[Violation]:  # noqa: ANN401
        found: list[Violation] = []
        for stream in TABLES:
            cursor.execute(NEW_OUTCOMES, (stream, self._seen.last_run[stream]))
            rows = cursor.fetchall()
            outcomes = [Outcome(*row[:5]) for row in rows]
            found += self._take(stream, outcomes)
            self._seen.last_run[stream] = max(
                (row[5] for row in rows), default=self._seen.last_run[stream]
            )
            found += self._clean_rows(cursor, stream, outcomes)
        return found

    def _take(self, stream: str, outcomes: list[Outcome]) -> list[Violation]:
        """Gives the model the raw rows in the order in which they were merged."""
        found = [
            Violation("I2", f"outcome of {stream} without raw row, seq {outcome.seq}")
            for outcome in outcomes
            if outcome.seq not in self._seen.raw
        ]
        times = Counter(outcome.seq for outcome in outcomes)
        found += [
            Violation("I2", f"{stream} row has more than one outcome, seq {outcome.seq}")
            for outcome in outcomes
            if times[outcome.seq] > 1 or outcome.seq in self._seen.outcomes
        ]
        known = [outcome for outcome in outcomes if outcome.seq in self._seen.raw]
        expected = self._modelled(known)
        found += [
            Violation("I3", f"{stream} row is {got.fate}, not {want.fate}, seq {got.seq}")
            for got, want in zip(known, expected, strict=True)
            if got != want
        ]
        self._seen.outcomes |= {outcome.seq: outcome for outcome in known}
        return found

    def _modelled(self, outcomes: list[Outcome]) -> list[Outcome]:
        before = len(self._seen.clean.outcomes)
        raw = [self._seen.raw[outcome.seq] for outcome in outcomes]
        merge(raw, PATIENTS, self._seen.clean)
        return self._seen.clean.outcomes[before:]

    def _clean_rows(
        self,
        cursor: Any,  # noqa: ANN401
        stream: str,
        outcomes: list[Outcome],
    ) -> list[Violation]:
        ids = [outcome.entity_id for outcome in outcomes if outcome.entity_id is not None]
        query = CLAIMS if stream == "claim" else DIAGNOSES
        cursor.execute(f"{query} WHERE id = ANY(%s)", (ids,))
        found = entities(stream, cursor.fetchall())
        return self._compare(stream, found, set(ids))

    def _compare(
        self, stream: str, found: dict[int, Claim | Diagnosis], ids: Iterable[int]
    ) -> list[Violation]:
        expected = self._expected(stream)
        return [
            Violation("I3", f"clean {stream} is not as its first raw row says, id {number}")
            for number in sorted(ids)
            if found.get(number) != expected.get(number)
        ]

    def _expected(self, stream: str) -> dict[int, Claim] | dict[int, Diagnosis]:
        return self._seen.clean.claims if stream == "claim" else self._seen.clean.diagnoses

    def _counts(self, cursor: Any) -> list[Violation]:  # noqa: ANN401
        cursor.execute(COUNTS)
        [(raw, outcomes, claims, diagnoses)] = cursor.fetchall()
        seen = self._seen
        pairs = [
            ("I1", "raw rows", raw, len(seen.raw)),
            ("I2", "outcomes", outcomes, len(seen.outcomes)),
            ("I3", "clean claims", claims, len(seen.clean.claims)),
            ("I3", "clean diagnoses", diagnoses, len(seen.clean.diagnoses)),
        ]
        return [
            Violation(invariant, f"{got} {what}, expected {want}")
            for invariant, what, got, want in pairs
            if got != want
        ]

    def _all_rows(self, cursor: Any) -> list[Violation]:  # noqa: ANN401
        """Every row again, so that a change behind our back shows too."""
        found: list[Violation] = []
        cursor.execute(NEW_RAW_ROWS, ("0",))
        raw = {row[0]: RawRow(row[0], row[1], bytes(row[2]), row[3]) for row in cursor.fetchall()}
        found += differing("I1", "raw row", raw, self._seen.raw)
        cursor.execute("SELECT seq, stream, entity_id, fate, reason FROM staging.outcome")
        outcomes = {row[0]: Outcome(*row) for row in cursor.fetchall()}
        found += differing("I2", "outcome", outcomes, self._seen.outcomes)
        for stream, query in (("claim", CLAIMS), ("diagnose", DIAGNOSES)):
            cursor.execute(query)
            clean = entities(stream, cursor.fetchall())
            found += self._compare(stream, clean, clean.keys() | self._expected(stream).keys())
        return found

    def _at_rest(self) -> list[Violation]:
        found = missing(
            "I1", "published and not staged", self._ledger.published(), self._seen.staged
        )
        pending = self._seen.raw.keys() - self._seen.outcomes.keys()
        if pending:
            found.append(Violation("I4", f"{len(pending)} raw rows are pending at rest"))
        return found


def missing(
    invariant: str, what: str, wanted: Counter[Event], there: Counter[Event]
) -> list[Violation]:
    """What is there less often than it was wanted; payloads are shown by their digest only."""
    return [
        Violation(invariant, f"{stream} event {digest(payload)} {what} ({count})")
        for (stream, payload), count in (wanted - there).items()
    ]


def differing(
    invariant: str, what: str, got: dict[int, Any], want: dict[int, Any]
) -> list[Violation]:
    return [
        Violation(invariant, f"{what} has changed or gone, seq {seq}")
        for seq in sorted(got.keys() | want.keys())
        if got.get(seq) != want.get(seq)
    ]


def entities(stream: str, rows: Sequence[Row]) -> dict[int, Claim | Diagnosis]:
    kind = Claim if stream == "claim" else Diagnosis
    return {row[0]: kind(*row) for row in rows}


def digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()[:12]


def difference_of_states(before: list[list[Row]], after: list[list[Row]]) -> list[Violation]:
    """I6: what running again has changed."""
    names = ("claim", "diagnose", "outcome", "revenue")
    return [
        Violation("I6", f"running again has changed {len(set(old) ^ set(new))} rows of {name}")
        for name, old, new in zip(names, before, after, strict=True)
        if old != new
    ]


class LogReader:
    """I7: reads on in every log of some folders and files, and looks for traces of payloads."""

    def __init__(self, *places: Path) -> None:
        self._places = places
        self._read_to: dict[Path, int] = {}

    def check(self) -> list[Violation]:
        return [
            Violation("I7", f"{file} holds payload or patient data")
            for file in self._files()
            if self._holds_trace(file)
        ]

    def _files(self) -> list[Path]:
        return [
            file
            for place in self._places
            for file in ([place] if place.is_file() else sorted(place.rglob("*")))
            if file.is_file()
        ]

    def _holds_trace(self, file: Path) -> bool:
        start = max(0, self._read_to.get(file, 0) - LONGEST_TRACE)
        try:
            with file.open("rb") as log:
                log.seek(start)
                text = log.read()
        except FileNotFoundError:
            # A page is written beside its place and then moved there.
            return False
        self._read_to[file] = start + len(text)
        return TRACE.search(text) is not None
