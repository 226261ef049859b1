"""Appends what arrives to staging.event, verbatim."""

import io
from collections.abc import Iterable, Iterator
from functools import partial
from typing import BinaryIO, Final

from pipeline.database import Database
from pipeline.statements import Cursor, execute, fetch_one, statement

STREAMS: Final = ("claim", "diagnose")

# A transaction's share of a file: small enough for memory, large enough for speed.
LINES_PER_TRANSACTION = 50_000
BYTES_PER_TRANSACTION = 32 * 1024 * 1024
# What is larger goes by COPY, of which the server tells how far it is: while an INSERT is on its
# way the server says nothing, and a link that takes long for it passes for a dead one.
LARGE_BYTES = 64 * 1024


def append(cursor: Cursor, stream: str, payload: bytes) -> None:
    """Appends one arrival."""
    if len(payload) > LARGE_BYTES:
        _copy(cursor, stream, [payload])
        return
    text, raw = as_text_or_bytes(payload)
    row = {"stream": stream, "payload": text, "payload_bytes": raw}
    execute(cursor, "staging/append", row)


def as_text_or_bytes(payload: bytes) -> tuple[str | None, bytes | None]:
    """The payload as text where PostgreSQL can hold it as text, else its bytes."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return None, payload
    return (None, payload) if "\0" in text else (text, None)


def load_lines(database: Database, stream: str, lines: Iterable[bytes]) -> Iterator[int]:
    """Appends lines, bad ones included, many a transaction; yields how many each staged.

    A line is what stands before its line end; empty lines are no events.
    """
    for chunk in _chunks(line.removesuffix(b"\n").removesuffix(b"\r") for line in lines):
        database.run(partial(_copy, stream=stream, payloads=chunk))
        yield len(chunk)


def _chunks(payloads: Iterable[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for payload in payloads:
        if not payload:
            continue
        chunk.append(payload)
        size += len(payload)
        if len(chunk) == LINES_PER_TRANSACTION or size >= BYTES_PER_TRANSACTION:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def next_id(cursor: Cursor, stream: str) -> int:
    """The first id that no merged or rejected event of the stream carries."""
    return int(fetch_one(cursor, "staging/next_id", {"stream": stream}).next_id)


def _copy(cursor: Cursor, stream: str, payloads: list[bytes]) -> None:
    cursor.copy_expert(statement("staging/copy"), _copy_lines(stream, payloads))


def _copy_lines(stream: str, payloads: list[bytes]) -> BinaryIO:
    return io.BytesIO(b"".join(_copy_line(stream.encode(), payload) for payload in payloads))


def _copy_line(stream: bytes, payload: bytes) -> bytes:
    """One line of COPY's text format: stream, payload, payload_bytes."""
    _, raw = as_text_or_bytes(payload)
    if raw is not None:
        return stream + b"\t\\N\t\\\\x" + raw.hex().encode() + b"\n"
    escaped = payload.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\r", b"\\r")
    return stream + b"\t" + escaped.replace(b"\n", b"\\n") + b"\t\\N\n"
