"""Appends what arrives to staging.event, verbatim."""

import io
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from pipeline.core.database import Database
from pipeline.core.statements import Cursor, execute, fetch_one, statement
from pipeline.staging.load_lines import Lines, Payloads, as_lines, read_lines

# A larger payload goes by COPY, because the server reports the progress of a COPY. It reports none
# of a long INSERT, and the link would be taken for a dead one.
LARGE_BYTES = 64 * 1024
# How much the driver sends at a time.
COPY_BYTES = 1024 * 1024
# Lines of a file are converted in pieces of about this size.
CUT_BYTES = 512 * 1024


def append(cursor: Cursor, stream: str, payloads: Payloads) -> None:
    """Appends payloads with one statement."""
    if isinstance(payloads, Lines) or len(payloads) > 1 or len(payloads[0]) > LARGE_BYTES:
        rows = _rows(stream.encode(), payloads)
        cursor.copy_expert(statement("staging/copy"), rows, COPY_BYTES)
        return
    text, raw = as_text_or_bytes(payloads[0])
    row = {"stream": stream, "payload": text, "payload_bytes": raw}
    execute(cursor, "staging/append", row)


def as_text_or_bytes(payload: bytes) -> tuple[str | None, bytes | None]:
    """The payload as text if PostgreSQL can hold it as text, else as bytes."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return None, payload
    return (None, payload) if "\0" in text else (text, None)


def load_lines(database: Database, stream: str, file: BinaryIO) -> Iterator[int]:
    """Appends the lines of a file, bad ones included, in several transactions.

    Skips empty lines. Yields, after each transaction, the number of lines that it appended.
    """
    for lines in read_lines(file):
        database.run(partial(append, stream=stream, payloads=lines))
        yield len(lines)


def next_id(cursor: Cursor, stream: str, keys: range) -> int:
    """The first of very many ids that no event of a stream has carried.

    Args:
        cursor: a cursor.
        stream: the stream.
        keys: the keys that the office's events can have; an id is counted from the first one.
    """
    place = fetch_one(cursor, "staging/cursor", {"stream": stream})._asdict()
    bounds = {"base": keys.start, "beyond": keys.stop, **place}
    return int(fetch_one(cursor, "staging/next_id", bounds, stream=stream).next_id)


class _Pieces(io.RawIOBase):
    """The file that the driver reads: each piece is made while the server takes the one before."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces

    def read(self, _size: int = -1, /) -> bytes:
        """The next piece."""
        return next(self._pieces, b"")


def _rows(stream: bytes, payloads: Payloads) -> io.RawIOBase | io.BytesIO:
    """The rows for COPY, to be read: of lines in pieces, otherwise in one."""
    if isinstance(payloads, Lines):
        return _Pieces(_pieces(stream, payloads))
    return io.BytesIO(_copy_rows(stream, payloads))


def _pieces(stream: bytes, lines: Lines) -> Iterator[bytes]:
    for part in lines.cut(CUT_BYTES):
        rows = _copy_rows(stream, part)
        yield from (rows[at : at + COPY_BYTES] for at in range(0, len(rows), COPY_BYTES))


def _copy_rows(stream: bytes, payloads: Payloads) -> bytes:
    """Rows in the text format of COPY. If all are lines of text, they are converted at once."""
    lines = payloads if isinstance(payloads, Lines) else as_lines(payloads)
    if lines is None or as_text_or_bytes(lines.block)[0] is None:
        return b"".join(_copy_line(stream, payload) for payload in payloads)
    start, end = stream + b"\t", b"\t\\N\n"
    return start + _escaped(lines.block).replace(b"\n", end + start) + end


def _copy_line(stream: bytes, payload: bytes) -> bytes:
    """One row in the text format of COPY: stream, payload, payload_bytes."""
    if as_text_or_bytes(payload)[0] is None:
        return stream + b"\t\\N\t\\\\x" + payload.hex().encode() + b"\n"
    return stream + b"\t" + _escaped(payload).replace(b"\n", b"\\n") + b"\t\\N\n"


def _escaped(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\r", b"\\r")
