"""Says whether a batch failed for a reason that lies in its rows, and how many rows to try next.

Other projects that write batches learnt the same: a batch with one bad row is split until the row
stands alone (Kafka Connect's JDBC sinks), and only for errors that do not pass by themselves.
"""

from typing import Final

import psycopg2
from psycopg2.errors import QueryCanceled

from pipeline.core.cluster import is_duplicate_key, is_node_away
from pipeline.core.database import PassingError, describe

FIRST_BATCH: Final = 10_000
GROWTH: Final = 4
# A row is rejected after it has failed so often by itself.
ATTEMPTS_ALONE: Final = 3

# Beginnings of SQLSTATE: a value, a constraint, a limit of the server's, a trigger or a function
# refuses a row; XX000 is an error that PostgreSQL itself did not foresee, or one of Citus's.
OF_ROWS: Final = ("21", "22", "23", "38", "39", "44", "54", "P0", "XX000")
# A key was inserted meanwhile; memory or temporary files ran short. This may pass, or come again.
DOUBTFUL: Final = ("23505", "53200", "53400")
# Our clock and the server's differ a little.
NEARLY: Final = 0.9


class RowsError(Exception):
    """A batch failed for a reason that lies in its rows: fewer of them may succeed."""

    def __init__(self, cause: str, *, rows: int, first_seq: int) -> None:
        super().__init__(cause)
        self.rows = rows
        self.first_seq = first_seq


class DoubtfulRowsError(RowsError, PassingError):
    """A batch failed for a reason that may also pass: it is tried again at the same size first."""


def rows_error(
    error: psycopg2.Error, *, took: float, limit: float, rows: int, first_seq: int
) -> RowsError | None:
    """The error of a statement on raw rows, if its reason lies in them; None if it passes.

    A statement that ran into its time limit is told from one that somebody cancelled by the time
    that it took. Their codes are the same, and the server's words are in its own language.

    Args:
        error: the error of the statement.
        took: how long the statement took, in seconds.
        limit: how long it may take, in seconds.
        rows: how many raw rows it was about.
        first_seq: the first of them.
    """
    if is_node_away(error):
        return None
    sqlstate = error.pgcode or ""
    if sqlstate.startswith(DOUBTFUL) or is_duplicate_key(error):
        return DoubtfulRowsError(describe(error), rows=rows, first_seq=first_seq)
    is_timeout = isinstance(error, QueryCanceled) and took >= NEARLY * limit
    if is_timeout or sqlstate.startswith(OF_ROWS):
        return RowsError(describe(error), rows=rows, first_seq=first_seq)
    return None


class Sizes:
    """How many raw rows the next batch takes.

    They start small, so that the oldest rows are committed early, and grow. Of a batch that fails,
    half is tried. If that half succeeds, the row at fault is in the other one, and half of that is
    tried. So the row soon stands alone.
    """

    def __init__(self, most: int) -> None:
        self.next = min(FIRST_BATCH, most)
        """The most raw rows that the next batch takes."""
        self.refused_seq: int | None = None
        """The raw row that the next batch rejects without a look into it, if it stands alone."""
        self._most = most
        self._failed = 0
        self._suspects = 0
        self._alone: tuple[int, int] = (-1, 0)

    @property
    def after_next(self) -> int | None:
        """The most raw rows that the batch after the next one takes.

        None while a row at fault is looked for.
        """
        return None if self._suspects else self._grown

    @property
    def _grown(self) -> int:
        return min(GROWTH * self.next, self._most)

    def failed(self, error: RowsError) -> None:
        """The batch failed for a reason that lies in its rows."""
        if error.rows > 1:
            if not self._suspects:
                self._failed = error.rows
            self._suspects = error.rows
            self.next = error.rows // 2
            return
        self.next = 1
        seq, attempts = self._alone
        self._alone = (error.first_seq, attempts + 1 if seq == error.first_seq else 1)
        if self._alone[1] >= ATTEMPTS_ALONE:
            self.refused_seq = error.first_seq

    def succeeded(self) -> None:
        """The batch succeeded, and there may be more rows."""
        suspects = self._suspects - self.next
        if suspects > 0 and self.refused_seq is None:
            self._suspects = suspects
            self.next = max(1, suspects // 2)
            return
        if self._suspects and self.refused_seq is None:
            # No row failed by itself: it was their number.
            self._most = max(1, self._failed // 2)
        self._suspects = 0
        self.refused_seq = None
        self.next = self._grown
