"""What is staged, and what became of it, read back over a connection of the test's own."""

from dataclasses import dataclass
from datetime import datetime

from model import Claim, Diagnosis, Outcome, RawRow
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.core.statements import Cursor

# A row per raw row and outcome: a raw row with two outcomes comes twice.
STAGED = """
    SELECT
        e.seq, e.stream, coalesce(e.payload_bytes, convert_to(e.payload, 'UTF8')) AS payload,
        e.received_at, o.stream AS outcome_stream, o.entity_id, o.fate, o.reason
    FROM staging.event AS e LEFT JOIN staging.outcome AS o ON e.seq = o.seq
    WHERE e.seq > %s ORDER BY e.seq
"""


@dataclass(frozen=True)
class Staged:
    """A raw row, and its outcome where it has one."""

    raw: RawRow
    outcome: Outcome | None


def read_staged(database: Database, *, after: int = 0) -> list[Staged]:
    """The raw rows behind a number, in the order of writing."""

    def read(cursor: Cursor) -> list[Staged]:
        cursor.execute(STAGED, (after,))
        return [_staged(*row) for row in cursor.fetchall()]

    return database.run(read, snapshot=True)


def _staged(  # noqa: PLR0917
    seq: int,
    stream: str,
    payload: memoryview,
    received_at: datetime,
    outcome_stream: str,
    entity_id: int | None,
    fate: str | None,
    reason: str | None,
) -> Staged:
    raw = RawRow(seq, stream, bytes(payload), received_at)
    outcome = Outcome(seq, outcome_stream, entity_id, fate, reason) if fate else None
    return Staged(raw, outcome)


def receive_at(database: Database, moment: datetime) -> None:
    """Makes all that arrives from now on received at one moment, so that a run can be repeated."""
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE staging.event ALTER received_at SET DEFAULT %s", (moment,))


def clean_layer(database: Database) -> tuple[dict[int, Claim], dict[int, Diagnosis]]:
    """The clean rows by id."""

    def read(cursor: Cursor) -> tuple[dict[int, Claim], dict[int, Diagnosis]]:
        cursor.execute("SELECT id, code, price, patient_id, tsp FROM claim")
        claims = {row[0]: Claim(*row) for row in cursor.fetchall()}
        cursor.execute("SELECT id, icd10_code, patient_id, tsp FROM diagnose")
        return claims, {row[0]: Diagnosis(*row) for row in cursor.fetchall()}

    return database.run(read, snapshot=True)


def broken_promises(database: Database) -> list[str]:
    """The promises that verify finds broken, in words."""
    return [promise.text for promise in database.run(verify, snapshot=True) if not promise.holds]
