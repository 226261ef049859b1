"""Serves the built pages on 127.0.0.1, for `office.py run`."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from pipeline.operations.web import serving_at


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Prints nothing, because the terminal shows the live status."""


@contextmanager
def serving(folder: Path, port: int) -> Iterator[str]:
    """Serves a folder while the context lasts; yields its address.

    If the port is taken, it uses another free one, which is in the address.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with serving_at("127.0.0.1", port, partial(_Quiet, directory=str(folder))) as used:
        yield f"http://localhost:{used}"
