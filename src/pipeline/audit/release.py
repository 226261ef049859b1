"""Publishes a held-back window by hand, and records who did it and why."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pipeline.audit.explain import WindowState, check_in_words, read_window_at
from pipeline.audit.person import user_of_machine
from pipeline.core.errors import OfficeError
from pipeline.core.notation import IN_UTC, Notation
from pipeline.core.statements import Cursor, execute, fetch_one
from pipeline.revenue.revenue import publish


@dataclass(frozen=True)
class Release:
    """A released window, and the record of its release."""

    window: WindowState
    quality_run_id: int
    failed_checks: list[str]
    reason: str
    released_by: str
    released_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The same as a dictionary, for JSON."""
        return {**asdict(self), "window": self.window.as_dict()}


def release(
    cursor: Cursor, moment: datetime, *, reason: str, notation: Notation = IN_UTC
) -> Release:
    """Publishes the figures that the newest run holds back, and records who did it and why.

    A mark that is newer than these figures stays. The next run then computes the window again.

    Args:
        cursor: of a transaction.
        moment: any moment of the window.
        reason: why the figures are right after all; not blank.
        notation: how times are written if nothing holds the window back.

    Raises:
        OfficeError: nothing holds the window back.
    """
    # While these locks are held, no run computes or publishes, and no merge sets a mark.
    execute(cursor, "revenue/lock_cursors")
    window = read_window_at(cursor, moment)
    window_start = window.window_start
    held = window.held_back
    if not held or not publish(cursor, held["quality_run_id"], [window_start]):
        name, in_words = window.name_in(notation), window.in_words(notation)
        raise OfficeError(f"The window {name} isn't held back: {in_words}.")
    record = {
        "quality_run_id": held["quality_run_id"],
        "failed_checks": [check_in_words(check) for check in held["checks"] if check["holds_back"]],
        "reason": reason,
    }
    made = fetch_one(
        cursor,
        "audit/release/record",
        {**record, "window_start": window_start, "user": user_of_machine()},
    )
    return Release(window=read_window_at(cursor, window_start), **record, **made._asdict())
