"""The length of a window: it can be decided until the first window is published."""

from datetime import timedelta
from functools import partial

from psycopg2.errors import InsufficientPrivilege

from pipeline.core.database import Database, address
from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor, execute, fetch_one
from pipeline.core.window import read_window_length


def decide_window_length(database: Database, minutes: int | None) -> None:
    """Sets the length of a window, as long as no window is published.

    Args:
        database: with its schema.
        minutes: a divisor of a day; None keeps what the database says.

    Raises:
        OfficeError: windows of another length are published, or the database's user may not
            decide it.
    """
    if minutes is None:
        return
    try:
        settled = database.run(partial(_decide, length=timedelta(minutes=minutes)))
    except InsufficientPrivilege:
        raise OfficeError(
            f"OFFICE_WINDOW_MINUTES is {minutes}, and the database at {address(database.dsn)} has "
            "not been told: run 'python src/office.py migrate' with the same setting as its owner."
        ) from None
    if settled != timedelta(minutes=minutes):
        now = settled // timedelta(minutes=1)
        raise OfficeError(
            f"OFFICE_WINDOW_MINUTES is {minutes}, but the database at {address(database.dsn)} has "
            f"published windows of {now} minutes, and keeps that length: "
            f"set OFFICE_WINDOW_MINUTES={now}, or take another database.",
            exit_code=2,
        )


def _decide(cursor: Cursor, length: timedelta) -> timedelta:
    """The length that holds from now on."""
    settled = read_window_length(cursor)
    if settled == length:
        return settled
    execute(cursor, "schema/version/in_sequence")
    # No merge or analytics run is under way while these locks are held.
    execute(cursor, "revenue/lock_cursors")
    if fetch_one(cursor, "schema/windows/is_settled").is_settled:
        return settled
    execute(cursor, "schema/windows/set_length", {"minutes": length // timedelta(minutes=1)})
    execute(cursor, "schema/windows/forget_candidates")
    execute(cursor, "schema/windows/forget_marks")
    execute(cursor, "schema/windows/mark_all")
    return length
