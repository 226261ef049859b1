"""Asks the database with a time limit, for health checks and scrapes."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from typing import Generic, TypeVar

from pipeline.core.database import Database, describe
from pipeline.core.statements import Cursor

# Well below the 10 s that Prometheus waits for a scrape, and the 5 s of a health check.
PATIENCE_SECONDS = 2.0

T = TypeVar("T")


class NoAnswerError(Exception):
    """The database did not answer in time, or with an error."""


class Question(Generic[T]):
    """A question to the database that several threads can ask at any time. No answer is cached.

    A caller waits for a limited time, whatever the network does: the query runs in its own thread,
    which may wait longer. Callers that ask during a query wait for its answer.

    Args:
        dsn: the database; each query opens a new connection.
        read: the query.
        name: the name of the connection in the server's list.
    """

    def __init__(self, dsn: str, read: Callable[[Cursor], T], *, name: str) -> None:
        self._dsn = dsn
        self._read = read
        self._name = name
        self._asking = threading.Lock()
        self._answer: Future[T] | None = None

    def ask(self) -> T:
        """The answer.

        Raises:
            NoAnswerError: the database failed, or did not answer in time.
        """
        try:
            return self._answer_under_way().result(PATIENCE_SECONDS)
        except TimeoutError:
            raise NoAnswerError(f"no answer within {PATIENCE_SECONDS:.0f} s") from None

    def _answer_under_way(self) -> Future[T]:
        with self._asking:
            if self._answer is None or self._answer.done():
                self._answer = Future()
                threading.Thread(
                    target=self._fill, args=(self._answer,), name=self._name, daemon=True
                ).start()
            return self._answer

    def _fill(self, answer: Future[T]) -> None:
        try:
            answer.set_result(self._read_now())
        except Exception as error:  # noqa: BLE001  (every caller gets the class of the error)
            answer.set_exception(NoAnswerError(describe(error)))

    def _read_now(self) -> T:
        database = Database(self._dsn, name=self._name, statement_seconds=PATIENCE_SECONDS)
        with closing(database), database.transaction(snapshot=True) as cursor:
            return self._read(cursor)
