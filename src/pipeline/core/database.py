"""The only module that opens connections and ends transactions."""

import logging
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import psycopg2
import psycopg2.errors
from psycopg2.extensions import (
    ISOLATION_LEVEL_READ_COMMITTED,
    ISOLATION_LEVEL_REPEATABLE_READ,
    POLL_OK,
    POLL_READ,
    connection,
    parse_dsn,
)
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_random_exponential,
)

from pipeline.core.cluster import NodeAwayError, is_node_away
from pipeline.core.errors import OfficeError
from pipeline.core.link import (
    GONE,
    SILENCE_SECONDS,
    ServerSide,
    SilentServerError,
    WatchedConnection,
    WatchedNamedTupleCursor,
    watch,
)
from pipeline.core.statements import Cursor, fetch_one, statement

log = logging.getLogger(__name__)

T = TypeVar("T")


class PassingError(Exception):
    """A step met a condition that is over when it is tried again."""


# Errors to retry: a lost connection, a deadlock, a timeout, a full disk and the like; also that we
# were idle for too long, and that the server is a standby at the moment.
PASSING_ERRORS = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.IdleInTransactionSessionTimeout,
    psycopg2.errors.ReadOnlySqlTransaction,
    PassingError,
)

ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 2.0

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 600

LINK_OPTIONS: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    # Notice within 5 s that the peer is gone: while waiting (keepalives) or sending (user timeout).
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 2000,
}
SESSION_SETTINGS: dict[str, str] = {
    "timezone": "UTC",
    # jit costs more than it saves on statements of many short steps.
    "jit": "off",
    # Memoize would keep results by whole payloads. work_mem lets a batch be sorted in memory.
    "enable_memoize": "off",
    "work_mem": "64MB",
    "lock_timeout": "60s",
    # Frees the locks of a process that hangs or whose link is dead.
    "idle_in_transaction_session_timeout": "4s",
    # Ends the server's side of a link that we have given up.
    "idle_session_timeout": "1h",
    "tcp_keepalives_idle": "1",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "2000",
}


def describe(error: BaseException) -> str:
    """The part of an error that may be logged: class and SQLSTATE. Its text can hold values."""
    sqlstate = getattr(error, "pgcode", None)
    return f"{type(error).__name__} {sqlstate}" if sqlstate else type(error).__name__


def address(dsn: str) -> str:
    """Host, port and database of a connection string, for people; without the password."""
    parts = parse_dsn(dsn)
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    return f"{host}:{port}/{parts.get('dbname', '')}"


class Database:
    """A database over one connection, which is opened when needed and opened again when lost.

    Two threads must not share it: each one makes its own.
    """

    def __init__(
        self, dsn: str, *, name: str = "office", statement_seconds: float = STATEMENT_SECONDS
    ) -> None:
        self.dsn = dsn
        self._name = name
        self._statement_seconds = statement_seconds
        self._connection: WatchedConnection | None = None
        self._opened = 0
        self._is_interrupted = False

    def another(self, *, name: str, statement_seconds: float) -> "Database":
        """The same database over a connection of its own."""
        return Database(self.dsn, name=name, statement_seconds=statement_seconds)

    @property
    def name(self) -> str:
        """The name of the connection in the server's list of connections and in our log."""
        return self._name

    @property
    def reconnects(self) -> int:
        """How often the connection was opened again after it was lost."""
        return max(self._opened - 1, 0)

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Cursor]:
        """A cursor of a transaction: committed at the end, rolled back if an exception escapes.

        Args:
            snapshot: read only, and read everything from one snapshot.
        """
        self._end_where_interrupted()
        opened = self._open()
        opened.set_session(
            isolation_level=ISOLATION_LEVEL_REPEATABLE_READ
            if snapshot
            else ISOLATION_LEVEL_READ_COMMITTED,
            readonly=snapshot,
            autocommit=False,
        )
        try:
            with opened.cursor(cursor_factory=WatchedNamedTupleCursor) as cursor:
                yield cursor
            opened.commit()
        except BaseException as error:
            self._clean_up(opened, error)
            raise

    @contextmanager
    def single_statement(self) -> Iterator[Cursor]:
        """A cursor for one statement that is its own transaction: one round trip to the server."""
        self._end_where_interrupted()
        opened = self._open()
        # With more arguments it would ask the server each time.
        opened.set_session(autocommit=True)
        try:
            with opened.cursor(cursor_factory=WatchedNamedTupleCursor) as cursor:
                yield cursor
        except BaseException as error:
            self._clean_up(opened, error)
            raise

    def run(self, step: Callable[[Cursor], T], *, snapshot: bool = False) -> T:
        """Runs a step in its own transaction, and again if it failed with an error worth a retry.

        A step whose COMMIT was done and whose reply was lost runs again too: it must be idempotent.
        """

        def attempt() -> T:
            with self.transaction(snapshot=snapshot) as cursor:
                return step(cursor)

        return Retrying(
            retry=retry_if_exception_type(PASSING_ERRORS),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT_SECONDS),
            stop=stop_after_attempt(ATTEMPTS),
            before_sleep=self._log_retry,
            reraise=True,
        )(attempt)

    @property
    def is_waiting(self) -> bool:
        """Whether a call waits for the server."""
        return self._connection is not None and self._connection.waiting_since is not None

    def interrupt(self) -> None:
        """Cancels the statement under way, and raises KeyboardInterrupt at the next use.

        Another thread may call it. An ordinary interrupt during a COPY would get lost, because the
        driver turns it into an error of its own.
        """
        self._is_interrupted = True
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.cancel()

    def close(self) -> None:
        """Closes the connection; the next use opens another."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _end_where_interrupted(self) -> None:
        if self._is_interrupted:
            raise KeyboardInterrupt

    def _open(self) -> WatchedConnection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(
                self.dsn, name=self._name, statement_seconds=self._statement_seconds
            )
            self._opened += 1
            if self._opened > 1:
                log.info("database link opened again", extra={"connection": self._name})
        return self._connection

    def _clean_up(self, opened: WatchedConnection, error: BaseException) -> None:
        """Ends the transaction that failed; raises what tells more than its error."""
        self._roll_back(opened)
        self._end_where_interrupted()
        if isinstance(error, psycopg2.Error) and is_node_away(error):
            raise NodeAwayError from None

    def _roll_back(self, opened: connection) -> None:
        # A broken connection can't be rolled back: close it.
        try:
            opened.rollback()
        except psycopg2.Error:
            self.close()

    def _log_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "database trouble, trying again",
            extra={
                "connection": self._name,
                "error": describe(error) if error else "unknown",
                "attempt": state.attempt_number,
            },
        )


def connect(
    dsn: str, *, name: str, statement_seconds: float = STATEMENT_SECONDS
) -> WatchedConnection:
    """A connection with our timeouts and a watch on its link.

    Args:
        dsn: the connection string.
        name: the name in the server's list of connections and in our log.
        statement_seconds: how long a statement may take.
    """
    settings = {**SESSION_SETTINGS, "statement_timeout": f"{round(statement_seconds * 1000)}ms"}
    opened: WatchedConnection = psycopg2.connect(
        dsn,
        connection_factory=WatchedConnection,
        application_name=name,
        options=" ".join(f"-c {setting}={value}" for setting, value in settings.items()),
        **LINK_OPTIONS,
    )
    watch(opened, name, partial(_server_side, dsn))
    with opened.cursor(cursor_factory=WatchedNamedTupleCursor) as cursor:
        opened.is_direct = fetch_one(cursor, "core/link/backend_pid").pid == opened.info.backend_pid
    opened.rollback()
    return opened


def _server_side(dsn: str, watched: WatchedConnection) -> ServerSide | None:
    """What the server does for a connection; None if it doesn't say.

    Raises:
        SilentServerError: it did not answer in time.
    """
    deadline = time.monotonic() + SILENCE_SECONDS
    try:
        with closing(
            psycopg2.connect(dsn, async_=True, application_name="link watch", **LINK_OPTIONS)
        ) as asking:
            _await(asking, deadline)
            with asking.cursor() as cursor:
                cursor.execute(
                    statement("core/link/server_side"), {"pid": watched.info.backend_pid}
                )
                _await(asking, deadline)
                row = cursor.fetchone()
    except psycopg2.Error:  # a refusal is an answer, too
        return None
    if row is None:
        return GONE if watched.is_direct else None
    return ServerSide(*row)


def _await(asking: connection, deadline: float) -> None:
    while (state := asking.poll()) != POLL_OK:
        reads, writes = ([asking], []) if state == POLL_READ else ([], [asking])
        if not any(select.select(reads, writes, [], max(0.0, deadline - time.monotonic()))):
            raise SilentServerError


def wait_until_reachable(
    database: Database, *, seconds: float, interrupt: threading.Event | None = None
) -> None:
    """Waits until the database answers, or until the interrupt.

    Raises:
        OfficeError: it did not answer in time.
    """

    def ask() -> None:
        with database.transaction() as cursor:
            cursor.execute("SELECT 1")

    once_reachable(database, ask, seconds=seconds, interrupt=interrupt)


def once_reachable(
    database: Database,
    step: Callable[[], T],
    *,
    seconds: float,
    interrupt: threading.Event | None = None,
) -> T:
    """Runs a step, and repeats it while the database is away, or until the interrupt.

    Raises:
        OfficeError: the database was away for that time.
    """
    interrupt = interrupt or threading.Event()
    try:
        return Retrying(
            retry=retry_if_exception_type(PASSING_ERRORS),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT_SECONDS),
            stop=stop_any(stop_after_delay(seconds), stop_when_event_set(interrupt)),
            sleep=sleep_using_event(interrupt),
            reraise=True,
        )(step)
    except PASSING_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else describe(error)
        raise OfficeError(
            f"No database at {address(database.dsn)}: {reason}. "
            "Start it, or say by DATABASE_URL where it is."
        ) from None
