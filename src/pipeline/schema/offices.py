"""Many offices in one database: whether ids are unique among all offices or within each one."""

from functools import partial
from typing import Final

from psycopg2.errors import InsufficientPrivilege

from pipeline.core.database import Database, address
from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor, execute, execute_each, fetch_all, fetch_one

GLOBAL: Final = "global"
PER_OFFICE: Final = "per_office"
IDS_OF_AN_OFFICE: Final = 10**14
"""The ids of an office are smaller. A key is the office's number times this, plus the id."""
MOST_OFFICE: Final = 92_000
ALL_KEYS: Final = range(2**63 - 1)


def decide_ids(database: Database, ids: str | None) -> None:
    """Sets the id scope, as long as nothing is merged.

    Args:
        database: with its schema.
        ids: `global` or `per_office`; None keeps what the database says.

    Raises:
        OfficeError: the other scope is settled, or the database's user may not decide it.
    """
    if ids is None:
        return
    try:
        settled = database.run(partial(_decide, ids=ids))
    except InsufficientPrivilege:
        raise OfficeError(
            f"OFFICE_IDS is {ids}, and the database at {address(database.dsn)} has not been told: "
            "run 'python src/office.py migrate' with the same setting as its owner."
        ) from None
    if settled != ids:
        raise OfficeError(
            f"OFFICE_IDS is {ids}, but in the database at {address(database.dsn)} "
            f"ids have been {settled} since its first event, and stay so: "
            f"set OFFICE_IDS={settled}, or take another database.",
            exit_code=2,
        )


def are_per_office(cursor: Cursor) -> bool:
    """Whether ids are unique within an office only."""
    return scope(cursor) == PER_OFFICE


def scope(cursor: Cursor) -> str:
    """`global` or `per_office`."""
    return str(fetch_one(cursor, "schema/offices/scope").ids)


def number_of_own_events(cursor: Cursor, chosen: int | None) -> int | None:
    """The office in simulated events: the chosen one, or else 0 if ids are per office."""
    return 0 if chosen is None and are_per_office(cursor) else chosen


def key_of(cursor: Cursor, office: int | None, number: int) -> int:
    """The key in the tables of an office's event; without an office the id is the key.

    Raises:
        OfficeError: ids are global here, or the id exceeds 14 digits.
    """
    if office is None:
        return number
    if not are_per_office(cursor):
        raise OfficeError("Ids are unique among all offices here: leave --office out.", exit_code=2)
    if number >= IDS_OF_AN_OFFICE:
        raise OfficeError("An office's ids have at most 14 digits.", exit_code=2)
    return office * IDS_OF_AN_OFFICE + number


def keys_of(cursor: Cursor, office: int | None) -> range:
    """The keys that the events of an office can have; all keys if ids are global."""
    if not are_per_office(cursor):
        return ALL_KEYS
    first = (office or 0) * IDS_OF_AN_OFFICE
    return range(first, first + IDS_OF_AN_OFFICE)


def renew_views(cursor: Cursor) -> None:
    """Makes the views that tell the offices apart, or drops them where ids are global."""
    per_office = are_per_office(cursor)
    views = "schema/offices/create_views" if per_office else "schema/offices/drop_views"
    execute_each(cursor, views)


def _decide(cursor: Cursor, ids: str) -> str:
    settled = scope(cursor)
    if settled == ids:
        return settled
    execute(cursor, "schema/version/in_sequence")
    # No merge runs while these locks are held.
    execute(cursor, "revenue/lock_cursors")
    if not fetch_all(cursor, "schema/offices/decide", {"ids": ids}):
        return settled
    renew_views(cursor)
    return ids
