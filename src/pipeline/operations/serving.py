"""Serves the built pages, and a page that says so while they are being prepared."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.operations.web import serving_at

INDEX = "index.html"
# The seconds after which a client may ask again.
RETRY_SECONDS = 5


class _Pages(SimpleHTTPRequestHandler):
    """Sends files of a folder: no list of a folder, no hidden file, nothing outside the folder."""

    timeout = 30

    def __init__(self, *args: Any, preparing: bytes, **options: Any) -> None:  # noqa: ANN401
        self._preparing = preparing
        super().__init__(*args, **options)

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Sends the headers; returns what follows them."""
        folder = Path(self.directory).resolve()
        path = self.translate_path(self.path)
        if Path(path) in (folder, folder / INDEX) and not (folder / INDEX).is_file():
            return self._say_that_pages_are_being_prepared()
        if "\0" in path or not _may_be_sent(Path(path).resolve(), folder):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def list_directory(self, _: object) -> None:
        """Refuses to list a folder."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, *_: object) -> None:
        """Prints nothing, because the terminal shows the live status."""

    def _say_that_pages_are_being_prepared(self) -> BytesIO:
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self._preparing)))
        self.send_header("Retry-After", str(RETRY_SECONDS))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        return BytesIO(self._preparing)


def _may_be_sent(file: Path, folder: Path) -> bool:
    """Whether a file, with all links followed, lies in the folder and is not hidden."""
    if not file.is_relative_to(folder):
        return False
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


@contextmanager
def serving(
    folder: Path, port: int, *, preparing: str = "", address: str = "127.0.0.1"
) -> Iterator[str]:
    """Serves a folder of pages while the context lasts; yields its address.

    If the port is taken, it uses another free one, which is in the address.

    Args:
        folder: of the pages.
        port: to listen at; 0 for any.
        preparing: the page that is sent, with the status 503, until the folder has an index page.
        address: to listen at.
    """
    handler = partial(_Pages, directory=str(folder.resolve()), preparing=preparing.encode())
    with serving_at(address, port, handler) as used:
        yield f"http://localhost:{used}"
