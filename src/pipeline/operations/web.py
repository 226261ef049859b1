"""An HTTP server in a thread beside the work of a process."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

log = logging.getLogger(__name__)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Logs the class of an error; a client that closed the connection is not logged."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            log.warning("request not answered", extra={"error": type(error).__name__})


@contextmanager
def serving_at(
    address: str, port: int, handler: Callable[..., BaseHTTPRequestHandler]
) -> Iterator[int]:
    """Serves while the context lasts; yields the port.

    If the port is taken, another free one is used.

    Raises:
        OSError: this machine does not have the address.
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
