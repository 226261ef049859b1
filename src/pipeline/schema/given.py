"""Compares the given tables, which may be older than this project, with what the merge needs."""

import json
import logging
from dataclasses import dataclass

from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor, execute, fetch_all, fetch_one

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Difference:
    """What is wrong with a given table, and the statement that mends it."""

    fault: str
    mend: str
    prevents_merge: bool
    """Whether no row could be merged. Otherwise some rows could not."""

    @property
    def line(self) -> str:
        """The fault and its mend, for people."""
        return f"{self.fault}: {self.mend}"


def find_differences(cursor: Cursor) -> list[Difference]:
    """The differences in the order of tables and columns; none if the tables are as needed."""
    return [
        Difference(row.fault, row.mend, row.prevents_merge)
        for row in fetch_all(cursor, "schema/given/differences")
    ]


def require_given_tables(cursor: Cursor, *, is_new: bool) -> None:
    """Refuses given tables that the merge could not use.

    Args:
        cursor: a cursor.
        is_new: whether the schema was never applied here. Then any difference is refused: later,
            the views on a table would be in the way of changing it.

    Raises:
        OfficeError: there is such a difference; the text names each, with what mends it.
    """
    refused = [each for each in find_differences(cursor) if is_new or each.prevents_merge]
    if refused:
        lines = "; ".join(each.line for each in refused)
        raise OfficeError(f"{lines}. Then start again.")


def settle_limits(cursor: Cursor) -> None:
    """Makes the contract follow what the columns of the clean tables can hold, from now on.

    What was merged before stays judged as it was. No merge may be under way meanwhile.
    """
    if fetch_all(cursor, "schema/given/record_limits"):
        limits = fetch_one(cursor, "schema/given/limits").limits
        execute(cursor, "schema/given/set_limits", {"limits": json.dumps(limits)})


def owns_clean_tables(cursor: Cursor) -> bool:
    """Whether the database's user may make indexes on the clean tables."""
    return bool(fetch_one(cursor, "schema/given/is_owner").is_owner)


def missing_indexes(cursor: Cursor) -> str | None:
    """Says which indexes of the clean tables are missing, with what makes them; None if none is."""
    statements = [row.statement for row in fetch_all(cursor, "schema/given/missing_indexes")]
    if not statements:
        return None
    return (
        "Indexes are missing, so that every search reads a whole table. The owner of the tables "
        f"claim and diagnose may make them: {'; '.join(statements)}."
    )


def warn_of_differences(cursor: Cursor) -> None:
    """Logs each difference."""
    for each in find_differences(cursor):
        log.warning("a given table differs", extra={"fault": each.fault, "mend": each.mend})
