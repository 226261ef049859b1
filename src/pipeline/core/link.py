"""Notices within 5 s that the link to the database is dead.

Keepalives and `tcp_user_timeout` notice a peer that is silent. They do not notice a peer that
still acknowledges packets, or an answer that got lost. So while a call waits for the server, a
thread asks the server over a second link what it does for that call. If there is no answer, or if
the server says twice that it waits for us, the thread ends the call's link. The call then fails
like one whose connection was lost, and is tried again.
"""

import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import psycopg2
import psycopg2.extras
from psycopg2 import extensions

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
# A call that takes longer is examined.
PATIENCE_SECONDS = 0.75
# If the server takes longer to answer, it counts as unreachable.
SILENCE_SECONDS = 2.5


class ServerSide(NamedTuple):
    """What the server does for a connection. It is equal if nothing happened meanwhile."""

    waits_for_client: bool
    query_start: Any
    state_change: Any
    bytes_processed: int | None


# The server's process of a connection is gone.
GONE = ServerSide(waits_for_client=True, query_start=None, state_change=None, bytes_processed=None)

# Asks what the server does for a connection; None if it can't be found out.
Ask = Callable[["WatchedConnection"], ServerSide | None]
# When the examined call began, and what the server did for it.
_Seen = tuple[float, ServerSide] | None


class SilentServerError(Exception):
    """The server did not answer in time."""


class WatchedConnection(extensions.connection):
    """A connection that knows since when its current call waits for the server."""

    def __init__(self, dsn: str, async_: int = 0) -> None:
        super().__init__(dsn, async_)  # type: ignore[call-arg]
        self.cursor_factory = WatchedCursor
        self.is_direct: bool | None = None
        """Whether libpq knows the right server process; behind a pooler it does not."""
        self._ending = threading.Lock()
        self._waiting_since: float | None = None

    @property
    def waiting_since(self) -> float | None:
        """When the current call began, by the monotonic clock; None between calls."""
        return self._waiting_since

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around each call that waits for the server."""
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            # Closing it now could give its file descriptor to somebody else.
            with self._ending:
                self._waiting_since = None

    def end_link(self, since: float) -> bool:
        """Ends the link of the call that began then; False if that call is over."""
        with self._ending:
            if self._waiting_since != since:
                return False
            # It may have broken just now.
            with (
                suppress(OSError, psycopg2.Error),
                socket.socket(fileno=os.dup(self.fileno())) as link,
            ):
                link.shutdown(socket.SHUT_RDWR)
            return True

    def set_session(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401
        """Sets the properties of transactions; asks the server only if something changes."""
        with self.waiting():
            super().set_session(*args, **settings)

    def commit(self) -> None:
        """Commits."""
        with self.waiting():
            super().commit()

    def rollback(self) -> None:
        """Rolls back."""
        with self.waiting():
            super().rollback()


class _Watched(extensions.cursor):
    """The calls of a cursor that wait for the server."""

    connection: WatchedConnection

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002, ANN401  (as it is there)
        with self.connection.waiting():
            super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:  # noqa: ANN401
        with self.connection.waiting():
            super().executemany(query, vars_list)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:  # noqa: ANN401
        with self.connection.waiting():
            super().copy_expert(sql, file, size)


class WatchedCursor(_Watched):
    """A cursor whose rows are tuples."""


class WatchedNamedTupleCursor(psycopg2.extras.NamedTupleCursor, _Watched):
    """A cursor whose rows are named tuples."""


def watch(connection: WatchedConnection, name: str, ask: Ask) -> None:
    """Watches a connection in a thread, and ends its link once the link is dead."""
    threading.Thread(
        target=_watch,
        args=(weakref.ref(connection), name, ask),
        name=f"link of {name}",
        daemon=True,
    ).start()


def _watch(connection_there: Callable[[], WatchedConnection | None], name: str, ask: Ask) -> None:
    seen: _Seen = None
    while True:
        time.sleep(LOOK_SECONDS)
        connection = connection_there()
        if connection is None or connection.closed or connection.is_direct is False:
            return
        seen = _look(connection, name, ask, seen)
        del connection  # the thread must not keep the connection alive


def _look(connection: WatchedConnection, name: str, ask: Ask, seen: _Seen) -> _Seen:
    """Examines the current call if it takes long; returns what it saw, for the next comparison."""
    since = connection.waiting_since
    if since is None or time.monotonic() - since < PATIENCE_SECONDS:
        return None
    try:
        server_side = ask(connection)
    except SilentServerError:
        _end(connection, since, name, "the server is out of reach")
        return None
    if server_side is None:
        return None
    if server_side.waits_for_client and seen == (since, server_side):
        _end(connection, since, name, "the server's answer was lost")
    return since, server_side


def _end(connection: WatchedConnection, since: float, name: str, reason: str) -> None:
    if connection.end_link(since):
        log.warning("database link ended", extra={"connection": name, "reason": reason})
