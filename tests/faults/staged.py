"""What is staged, and what became of it, read back over a connection of the test's own."""

from dataclasses import dataclass
from datetime import datetime

from model import Outcome, RawRow
from pipeline.database import Database
from pipeline.statements import Cursor

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
        return [
            Staged(
                RawRow(row.seq, row.stream, bytes(row.payload), row.received_at),
                Outcome(row.seq, row.outcome_stream, row.entity_id, row.fate, row.reason)
                if row.fate
                else None,
            )
            for row in cursor.fetchall()
        ]

    return database.run(read, snapshot=True)


def receive_at(database: Database, moment: datetime) -> None:
    """Makes all that arrives from now on received at one moment, so that a run can be repeated."""
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE staging.event ALTER received_at SET DEFAULT %s", (moment,))
