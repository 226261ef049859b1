"""Appends what arrives to staging.event, verbatim."""

import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from pipeline.core.database import Database
from pipeline.core.statements import Cursor, execute, fetch_one, statement

# How much of a file one transaction takes: little enough for memory, much enough for speed.
BYTES_PER_TRANSACTION = 8 * 1024 * 1024
# A larger payload goes by COPY, because the server reports the progress of a COPY. It reports none
# of a long INSERT, and the link would be taken for a dead one.
LARGE_BYTES = 64 * 1024
# How much the driver sends at a time.
COPY_BYTES = 1024 * 1024


def append(cursor: Cursor, stream: str, payloads: Sequence[bytes]) -> None:
    """Appends payloads with one statement."""
    if len(payloads) > 1 or len(payloads[0]) > LARGE_BYTES:
        _copy(cursor, b"".join(_copy_line(stream.encode(), payload) for payload in payloads))
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
    while lines := file.readlines(BYTES_PER_TRANSACTION):
        block = _without_line_ends(b"".join(lines))
        if block:
            rows = _copy_lines(stream.encode(), block)
            database.run(partial(_copy, rows=rows))
            yield block.count(b"\n") + 1


def _without_line_ends(block: bytes) -> bytes:
    """The lines that are not empty, separated by plain line feeds."""
    block = block.replace(b"\r\n", b"\n").removesuffix(b"\r")
    while b"\n\n" in block:
        block = block.replace(b"\n\n", b"\n")
    return block.removeprefix(b"\n").removesuffix(b"\n")


def next_id(cursor: Cursor, stream: str, keys: range) -> int:
    """The first of very many ids that no event of a stream has carried.

    Args:
        cursor: a cursor.
        stream: the stream.
        keys: the keys that the office's events can have; an id is counted from the first one.
    """
    bounds = {"base": keys.start, "beyond": keys.stop}
    return int(fetch_one(cursor, "staging/next_id", bounds, stream=stream).next_id)


def _copy(cursor: Cursor, rows: bytes) -> None:
    cursor.copy_expert(statement("staging/copy"), io.BytesIO(rows), COPY_BYTES)


def _copy_lines(stream: bytes, block: bytes) -> bytes:
    """Lines in the text format of COPY. If all of them are text, they are converted at once."""
    if as_text_or_bytes(block)[0] is None:
        return b"".join(_copy_line(stream, line) for line in block.split(b"\n"))
    start, end = stream + b"\t", b"\t\\N\n"
    return start + _escaped(block).replace(b"\n", end + start) + end


def _copy_line(stream: bytes, payload: bytes) -> bytes:
    """One row in the text format of COPY: stream, payload, payload_bytes."""
    if as_text_or_bytes(payload)[0] is None:
        return stream + b"\t\\N\t\\\\x" + payload.hex().encode() + b"\n"
    return stream + b"\t" + _escaped(payload).replace(b"\n", b"\\n") + b"\t\\N\n"


def _escaped(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\r", b"\\r")
