"""Checks, from one snapshot, every promise that the data can show."""

from dataclasses import dataclass
from typing import Any

from pipeline.statements import Cursor, fetch_all, first_comment, statements_in

ROWS_SHOWN = 20


@dataclass(frozen=True)
class Promise:
    """A promise, in words, and the rows that break it."""

    name: str
    text: str
    rows_at_fault: int
    examples: list[dict[str, Any]]

    @property
    def holds(self) -> bool:
        """Whether no row breaks it."""
        return self.rows_at_fault == 0


def verify(cursor: Cursor) -> list[Promise]:
    """Checks every promise; give it a cursor of one snapshot, so that all see the same state."""
    return [_check(cursor, name) for name in statements_in("verify")]


def _check(cursor: Cursor, name: str) -> Promise:
    rows = fetch_all(cursor, name)
    return Promise(
        name=name.removeprefix("verify/"),
        text=first_comment(name),
        rows_at_fault=len(rows),
        examples=[row._asdict() for row in rows[:ROWS_SHOWN]],
    )
