"""Compares the given tables, which may be older than this project, with what the merge needs."""

import logging
from dataclasses import dataclass

from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor, fetch_all

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


def warn_of_differences(cursor: Cursor) -> None:
    """Logs each difference."""
    for each in find_differences(cursor):
        log.warning("a given table differs", extra={"fault": each.fault, "mend": each.mend})
