"""Raw rows that are gone: lists them, and records why they were erased.

A raw row is gone if it has an outcome, but is neither in staging nor in the archive. Only the owner
of the database can delete one. Its outcome and its clean row stay as they are.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from pipeline.audit.person import user_of_machine
from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor, execute, fetch_all, fetch_one

ROWS_LISTED: Final = 20


@dataclass(frozen=True)
class GoneRow:
    """A raw row that is gone without a record of its erasure."""

    seq: int
    stream: str
    entity_id: int | None
    fate: str
    received_at: datetime | None
    can_be_recorded: bool
    """Whether its clean row is there, if it has become one."""


@dataclass(frozen=True)
class GoneRows:
    """How many raw rows are gone without a record of their erasure, and the first of them."""

    rows: int
    left_rows: int
    """How many of them can't be recorded, because their clean rows are gone, too."""
    examples: list[GoneRow]

    def as_dict(self) -> dict[str, Any]:
        """The same as a dictionary, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Erasure:
    """The record of an erasure: of how many raw rows, why, by whom, and when."""

    rows: int
    left_rows: int
    """How many more are gone, and can't be recorded."""
    reason: str
    recorded_by: str
    recorded_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The same as a dictionary, for JSON."""
        return asdict(self)


def find_gone(cursor: Cursor, seqs: Sequence[int] = ()) -> GoneRows:
    """Finds the raw rows that are gone without a record of their erasure. It reads all outcomes.

    Args:
        cursor: of a transaction.
        seqs: only these raw rows; none for all.

    Raises:
        OfficeError: one of `seqs` is not gone, or is recorded already.
    """
    # While these locks are held, no day is archived.
    execute(cursor, "revenue/lock_cursors")
    chosen = {"seqs": list(seqs) or None, "most": max(ROWS_LISTED, len(seqs))}
    found = fetch_all(cursor, "audit/erased/find", chosen)
    _require_all(seqs, {row.seq for row in found})
    return GoneRows(
        rows=found[0].all_rows if found else 0,
        left_rows=found[0].left_rows if found else 0,
        examples=[GoneRow(*row[: len(GoneRow.__dataclass_fields__)]) for row in found],
    )


def record_erasure(cursor: Cursor, *, reason: str, seqs: Sequence[int] = ()) -> Erasure:
    """Records that raw rows which are gone were erased, why, and who says so.

    The next analytics run publishes the windows that they have held back.

    Args:
        cursor: of a transaction.
        reason: why they were erased; not blank.
        seqs: only these raw rows; none for all that are gone.

    Raises:
        OfficeError: there is none to record, or one of `seqs` is not gone.
    """
    gone = find_gone(cursor, seqs)
    if gone.rows == gone.left_rows:
        raise OfficeError(nothing_to_record(gone))
    record = {"seqs": list(seqs) or None, "reason": reason, "user": user_of_machine()}
    done = fetch_one(cursor, "audit/erased/record", record)
    return Erasure(done.rows, gone.left_rows, reason, done.recorded_by, done.recorded_at)


def nothing_to_record(gone: GoneRows) -> str:
    """Why no erasure can be recorded, in words."""
    if not gone.rows:
        return "No raw row is gone without a record of its erasure."
    return (
        f"{gone.rows} raw rows and their clean rows are gone, so that nothing says what they were: "
        "bring the raw rows back from a backup."
    )


def _require_all(seqs: Sequence[int], found: set[int]) -> None:
    others = sorted({*seqs} - found)
    if others:
        raise OfficeError(
            f"Raw row {others[0]} isn't gone, or its erasure is recorded already; nothing was "
            "recorded."
        )
