"""Serves over HTTP, beside the work of a process."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

log = logging.getLogger(__name__)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Tells the kind of what went wrong; that a client is gone is nothing to tell."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            log.warning("request not answered", extra={"error": type(error).__name__})


@contextmanager
def serving_at(
    address: str, port: int, handler: Callable[..., BaseHTTPRequestHandler]
) -> Iterator[int]:
    """Serves while the context lasts; gives the port.

    Where the port is taken, another free one is used.

    Raises:
        OSError: the address is none of this machine's.
    """
    try:
        server = _Server((address, port), handler)
    except OSError:
        server = _Server((address, 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="web", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
