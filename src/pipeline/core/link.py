"""Notices within 5 s that the link to the database is dead, however alive it looks.

Keepalives and `tcp_user_timeout` notice a peer that is silent. They don't notice one that goes on
acknowledging packets, nor an answer that was lost on the way. So while a call waits for the
server, a watch asks the server, over a link of its own, what it does for that call. Where there is
no answer at all, or twice the answer that the server in its turn waits for us, the call's link is
ended: the call fails as it does where a connection is lost, and is tried again.
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
# A call that takes longer is looked into.
PATIENCE_SECONDS = 0.75
# A server that takes longer to say what it does is out of reach.
SILENCE_SECONDS = 2.5


class ServerSide(NamedTuple):
    """What the server does for a connection; equal where nothing has happened meanwhile."""

    waits_for_client: bool
    query_start: Any
    state_change: Any
    bytes_processed: int | None


# The server's process of a connection is gone.
GONE = ServerSide(waits_for_client=True, query_start=None, state_change=None, bytes_processed=None)

# Asks what the server does for a connection; None where nothing is to be learnt.
Ask = Callable[["WatchedConnection"], ServerSide | None]
# When the call began that was looked into, and what the server did for it.
_Seen = tuple[float, ServerSide] | None


class SilentServerError(Exception):
    """The server did not answer in time."""


class WatchedConnection(extensions.connection):
    """A connection that knows since when its present call waits for the server."""

    def __init__(self, dsn: str, async_: int = 0) -> None:
        super().__init__(dsn, async_)  # type: ignore[call-arg]
        self.cursor_factory = WatchedCursor
        self.is_direct: bool | None = None
        """Whether the server's process is the one that libpq knows of; behind a pooler it isn't."""
        self._ending = threading.Lock()
        self._waiting_since: float | None = None

    @property
    def waiting_since(self) -> float | None:
        """When the present call began, by the monotonic clock; None between calls."""
        return self._waiting_since

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around each call that waits for the server."""
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            # While the link is being ended, it must not be closed: its number could be another's.
            with self._ending:
                self._waiting_since = None

    def end_link(self, since: float) -> bool:
        """Ends the link of the call that began then; False where that call is over."""
        with self._ending:
            if self._waiting_since != since:
                return False
            # It may have broken by itself this moment.
            with (
                suppress(OSError, psycopg2.Error),
                socket.socket(fileno=os.dup(self.fileno())) as link,
            ):
                link.shutdown(socket.SHUT_RDWR)
            return True

    def set_session(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401
        """Says how transactions are to be; the server is asked where that changes something."""
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
    """Ends the connection's link once it is dead, for as long as the connection is there."""
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
        del connection  # a watch keeps nobody's connection open


def _look(connection: WatchedConnection, name: str, ask: Ask, seen: _Seen) -> _Seen:
    """Looks into the present call, if it takes long; what was seen, to compare at the next look."""
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
