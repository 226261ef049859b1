"""Parquet files of archived raw rows, written from and read into PostgreSQL's binary COPY.

Every byte of a row is preserved; payloads are not parsed.
"""

import hashlib
import io
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Fields = Sequence[bytes | None]

# The rows of one group are in memory at a time. A group ends at one of these limits.
GROUP_ROWS: Final = 50_000
GROUP_BYTES: Final = 16 * 1024 * 1024

# PostgreSQL's binary COPY: a header; for each row the number of fields and the fields; a trailer.
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER: Final = struct.pack(">h", -1)
FIELDS: Final = 6
COUNT: Final = struct.pack(">h", FIELDS)
LENGTH: Final = struct.Struct(">i")
NUMBER: Final = struct.Struct(">q")
UNSIGNED: Final = struct.Struct(">Q")
NULL: Final = LENGTH.pack(-1)

# PostgreSQL counts microseconds from 2000, Parquet from 1970; infinity stays what it is.
EPOCH_MICROSECONDS: Final = 946_684_800_000_000
INFINITE: Final = (-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class Exported:
    """What was written to a file: the number of rows, their `seq`, and a checksum of the content.

    `seqs` is a multirange in PostgreSQL's notation: `{[1,5),[7,9)}`.
    """

    rows: int
    seqs: str
    content: str


@dataclass(frozen=True)
class RecordedFile:
    """A file of the archive, as it is recorded in the database."""

    file_name: str
    raw_rows: int
    file_bytes: int
    sha256: str
    is_recent: bool


class CopyTarget(Protocol):
    """The target that a COPY writes to, one row at a time."""

    def write(self, message: bytes, /) -> object:
        """Receives a row."""


# --- writing ---


def write_file(file: Path, copy_out: Callable[[CopyTarget], None]) -> Exported:
    """Writes the rows of a COPY to a file, in the order of `seq`, and flushes it to the disk.

    Args:
        file: the file; an existing one is replaced.
        copy_out: runs the COPY; it is called once, with the target.
    """
    # It is slow to import, so only the functions that need it import it.
    import pyarrow.parquet as pq  # noqa: PLC0415

    # Raw rows hold patients' data: only the owner may read them.
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
    with os.fdopen(opened, "wb") as sink:
        with pq.ParquetWriter(
            sink, _schema(), compression="zstd", use_dictionary=["stream"]
        ) as writer:
            rows = _Rows(writer)
            copy_out(rows)
            rows.end_group()
        sink.flush()
        os.fsync(sink.fileno())
    return Exported(rows.count, rows.seqs(), rows.content.hexdigest())


class _Rows:
    """The target of a COPY: collects rows into groups, and writes each group."""

    def __init__(self, writer: "pq.ParquetWriter") -> None:
        self.count = 0
        self.content = hashlib.sha256()
        self._writer = writer
        self._group: list[Fields] = []
        self._group_bytes = 0
        self._ranges: list[list[int]] = []

    def write(self, message: bytes) -> None:
        """Receives a row; the first one may have the header before it."""
        row = message.removeprefix(HEADER)
        if row in (b"", TRAILER):
            return
        self.content.update(row)
        self.count += 1
        fields = _fields(row)
        self._note(_number(fields[0]))
        self._group.append(fields)
        self._group_bytes += len(row)
        if len(self._group) >= GROUP_ROWS or self._group_bytes >= GROUP_BYTES:
            self.end_group()

    def end_group(self) -> None:
        """Writes the collected rows."""
        if self._group:
            self._writer.write_batch(_batch(self._group))
        self._group, self._group_bytes = [], 0

    def seqs(self) -> str:
        """The `seq` of the rows so far, as a multirange."""
        return "{" + ",".join(f"[{first},{end})" for first, end in self._ranges) + "}"

    def _note(self, seq: int) -> None:
        if self._ranges and self._ranges[-1][1] == seq:
            self._ranges[-1][1] += 1
        else:
            self._ranges.append([seq, seq + 1])


def _schema(*, text: "pa.DataType | None" = None, time: "pa.DataType | None" = None) -> "pa.Schema":
    """The columns of a file; optionally with another type for text or time."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.schema(
        {
            "seq": pa.int64(),
            "stream": text or pa.string(),
            "payload": text or pa.string(),
            "payload_bytes": pa.binary(),
            "received_at": time or pa.timestamp("us", tz="UTC"),
            "xid": pa.uint64(),
        }
    )


def _batch(rows: Iterable[Fields]) -> "pa.RecordBatch":
    import pyarrow as pa  # noqa: PLC0415

    seqs, streams, payloads, raw, times, xids = zip(*rows, strict=True)
    columns = [
        [_number(seq) for seq in seqs],
        streams,
        payloads,
        raw,
        [None if time is None else _unix(_number(time)) for time in times],
        [None if xid is None else UNSIGNED.unpack(xid)[0] for xid in xids],
    ]
    schema = _schema()
    arrays = [pa.array(column, of) for column, of in zip(columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


# --- reading ---


def checksum(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def content_of(file: Path) -> str:
    """The checksum of the rows in a file, which does not depend on how the file stores them."""
    content = hashlib.sha256()
    for row in rows_of(file):
        content.update(row)
    return content.hexdigest()


def rows_of(file: Path) -> Iterator[bytes]:
    """The rows of a file, each in the format of the binary COPY."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pq.ParquetFile(file) as parquet:
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group).cast(_schema(text=pa.binary(), time=pa.int64()))
            columns = [column.to_pylist() for column in table.columns]
            for row in zip(*columns, strict=True):
                yield _row(row)


def copy_source(file: Path) -> BinaryIO:
    """The rows of a file, as a stream that a binary COPY can read."""
    return io.BufferedReader(_CopySource(file))


class _CopySource(io.RawIOBase):
    def __init__(self, file: Path) -> None:
        self._parts = chain([HEADER], rows_of(file), [TRAILER])
        self._part = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  (whatever bytes can be put into)
        if not self._part:
            self._part = memoryview(next(self._parts, b""))
        count = min(len(buffer), len(self._part))
        buffer[:count] = self._part[:count]
        self._part = self._part[count:]
        return count


# --- checking a recorded file ---


def fault_of(folder: Path, recorded: RecordedFile, *, is_read: bool = True) -> str | None:
    """What is wrong with a file of the archive, in a word or two; None if it is right.

    Args:
        folder: the folder of the archive.
        recorded: the record of the file in the database.
        is_read: also read the file and compare its checksum, not only its size.
    """
    file = folder / recorded.file_name
    try:
        if file.stat().st_size != recorded.file_bytes:
            return "altered"
        return "altered" if is_read and checksum(file) != recorded.sha256 else None
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable ({error.strerror})"


# --- the fields of a row ---


def _fields(row: bytes) -> Fields:
    fields: list[bytes | None] = []
    place = len(COUNT)
    for _ in range(FIELDS):
        (length,) = LENGTH.unpack_from(row, place)
        place += LENGTH.size
        fields.append(None if length < 0 else row[place : place + length])
        place += max(length, 0)
    return fields


def _row(values: Sequence[Any]) -> bytes:
    seq, stream, payload, raw, time, xid = values
    fields = (
        NUMBER.pack(seq),
        stream,
        payload,
        raw,
        None if time is None else NUMBER.pack(_since_2000(time)),
        None if xid is None else UNSIGNED.pack(xid),
    )
    return COUNT + b"".join(
        NULL if field is None else LENGTH.pack(len(field)) + field for field in fields
    )


def _number(field: bytes | None) -> int:
    return int.from_bytes(field or b"", signed=True)


def _unix(microseconds: int) -> int:
    return microseconds if microseconds in INFINITE else microseconds + EPOCH_MICROSECONDS


def _since_2000(microseconds: int) -> int:
    return microseconds if microseconds in INFINITE else microseconds - EPOCH_MICROSECONDS
