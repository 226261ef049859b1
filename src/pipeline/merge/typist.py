"""Types the raw rows of the next batch while one is merged, so that a backlog keeps two cores busy.

Typing ahead assumes that the batch under way succeeds and that nobody else merges the stream
meanwhile. If that turns out to be wrong, the rows are not used, and the next batch types its own.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg2

from pipeline.core.database import Database, PassingError, describe
from pipeline.core.statements import Cursor, execute, fetch_one

log = logging.getLogger(__name__)

TYPE = "merge/merge_rows/010_type_rows"


@dataclass(frozen=True)
class TypedAhead:
    """Raw rows that were typed ahead."""

    taken_seq: int
    """Their numbers are higher than this one, up to which the batches before have taken all."""
    found: Any
    """What the search for them found, as `merge/next_ahead` says it."""
    work_id: int
    """The number by which they are found among the typed rows."""
    rows: int


class TypedRowsGoneError(Exception):
    """The typed rows are not those that were typed ahead: the batch has to type its own."""


class Typist:
    """Types raw rows of a stream in a thread, over a connection of its own.

    Args:
        database: the database.
        stream: the stream.
        statement_seconds: how long a statement may take.
    """

    def __init__(self, database: Database, stream: str, *, statement_seconds: float) -> None:
        name = f"typing of {stream}"
        self._database = database.another(name=name, statement_seconds=statement_seconds)
        self._stream = stream
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._begun: Future[TypedAhead | None] | None = None
        self._typed: TypedAhead | None = None
        self._batch_size: int | None = None
        self._is_work_left = True

    def wait(self, *, batch_size: int | None) -> None:
        """Waits until what was begun last is done.

        Args:
            batch_size: how many raw rows to type at most when it is begun again; None for none.
        """
        begun, self._begun = self._begun, None
        self._typed = None if begun is None else begun.result()
        self._batch_size = batch_size

    def typed_behind(self, taken_seq: int) -> TypedAhead | None:
        """What was typed, if it follows this raw row."""
        if self._typed is None or self._typed.taken_seq != taken_seq:
            self.give_up()
            return None
        return self._typed

    def give_up(self) -> None:
        """Says that what was typed last is of no use: it is cleared before more is typed."""
        self._is_work_left = True

    def begin(self, *, taken_seq: int, received_from: str) -> None:
        """Begins to type the raw rows with higher numbers that were received since that time."""
        if self._batch_size is None:
            return
        ahead = {
            "stream": self._stream,
            "taken_seq": taken_seq,
            "received_from": received_from,
            "batch_size": self._batch_size,
        }
        clears, self._is_work_left = self._is_work_left, False
        self._begun = self._threads.submit(self._type, ahead, clears=clears)

    def close(self) -> None:
        """Ends what was begun, and closes the connection."""
        if self._begun is not None and not self._begun.cancel() and not self._begun.done():
            self._database.interrupt()
        self._threads.shutdown()
        self._database.close()

    def _type(self, ahead: dict[str, Any], *, clears: bool) -> TypedAhead | None:
        try:
            with self._database.transaction() as cursor:
                return _type_ahead(cursor, ahead, clears=clears)
        except (psycopg2.Error, PassingError) as error:
            # If the error is a lasting one, the batch meets it as well, and says so.
            failed = {"stream": self._stream, "error": describe(error)}
            log.info("raw rows were not typed ahead", extra=failed)
            return None


def _type_ahead(cursor: Cursor, ahead: dict[str, Any], *, clears: bool) -> TypedAhead | None:
    """Types the next raw rows; None if there are none. It can clear what was typed in vain."""
    stream = ahead["stream"]
    found = fetch_one(cursor, "merge/next_ahead", ahead)
    if not found.found:
        return None
    work_id = fetch_one(cursor, "merge/next_work").work_id
    rows = {**found._asdict(), **ahead, "work_id": work_id}
    if clears:
        execute(cursor, "merge/clear_left_work", rows, stream=stream)
    execute(cursor, TYPE, rows, stream=stream)
    return TypedAhead(ahead["taken_seq"], found, work_id, cursor.rowcount)
