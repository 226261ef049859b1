"""Archiving: moves raw rows that are older than the retention from the database to files.

A day is exported, read back and compared, and only then dropped. The outcomes stay.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from psycopg2.errors import LockNotAvailable

from pipeline.archive.file import CopyTarget, Exported, checksum, content_of, write_file
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor, execute, fetch_all, fetch_one, statement

# Says what is wrong with the data that arrived since a time; None if nothing is wrong.
FindFault = Callable[[datetime | None], str | None]

HELD_UP: Final = "others are using its raw rows; it will be tried again next time"


@dataclass(frozen=True)
class DayPartition:
    """A partition of raw rows: of one day, or, without a beginning, of all days before one."""

    partition_name: str
    begins_at: datetime | None
    ends_at: datetime

    @property
    def name(self) -> str:
        """The day, for people."""
        if self.begins_at is None:
            return f"before {self.ends_at:%Y-%m-%d}"
        return f"{self.begins_at:%Y-%m-%d}"


@dataclass(frozen=True)
class ArchivedDay:
    """The result for a day that was due: archived into a file, or left for a reason."""

    day: str
    raw_rows: int = 0
    file_name: str | None = None
    file_bytes: int = 0
    reason_left: str | None = None


class LeftError(Exception):
    """A day was not archived; the text says why."""


def archive(
    database: Database,
    *,
    folder: Path,
    keep_days: int,
    find_fault: FindFault,
    for_each: Callable[[Sequence["DayPartition"]], Iterable["DayPartition"]] = iter,
) -> list[ArchivedDay]:
    """Archives the days that are completely older than the retention, the oldest first.

    If raw rows are kept for ever, it does nothing.

    Args:
        database: the database.
        folder: the folder of the archive; made if it is missing.
        keep_days: days for which raw rows are kept in the database; 0 for ever.
        find_fault: says what `verify` finds wrong since a time; if anything, no day is archived.
        for_each: yields the days one by one; the caller can use it to show progress.

    Raises:
        OfficeError: the folder cannot be used, or another process is archiving into it.
    """
    if not keep_days:
        return []
    with _only_one(folder):
        due = _due_days(database, keep_days)
        fault = find_fault(due[0].begins_at) if due else None
        return [_archive_day(database, folder, day, fault) for day in for_each(due)]


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Holds the folder's lock. The kernel frees it even if the process is killed."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise OfficeError(f"The archive {folder} can't be used: {error.strerror}.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OfficeError(f"Another process is archiving into {folder}.") from None
        yield


def _due_days(database: Database, keep_days: int) -> list[DayPartition]:
    """The days that are due; makes the partition again for late rows of an archived day."""
    retention = {"keep_days": keep_days}
    # If others hold the lock, these rows are found the next time.
    with suppress(LockNotAvailable):
        database.run(lambda cursor: execute(cursor, "archive/make_late_days", retention))
    found = database.run(lambda cursor: fetch_all(cursor, "archive/due_days", retention))
    return [DayPartition(**row._asdict()) for row in found]


def _archive_day(
    database: Database, folder: Path, day: DayPartition, fault: str | None
) -> ArchivedDay:
    try:
        return _export_and_drop(database, folder, day, fault)
    except LeftError as left:
        return ArchivedDay(day.name, reason_left=str(left))
    except LockNotAvailable:
        return ArchivedDay(day.name, reason_left=HELD_UP)
    except OSError as error:
        reason = f"the archive {folder} can't be used: {error.strerror}"
        return ArchivedDay(day.name, reason_left=reason)


def _export_and_drop(
    database: Database, folder: Path, day: DayPartition, fault: str | None
) -> ArchivedDay:
    span = {"begins_at": day.begins_at, "ends_at": day.ends_at}
    pending = database.run(lambda cursor: fetch_one(cursor, "archive/count_pending", span).pending)
    if pending:
        raise LeftError(f"{pending} of its raw rows have no outcome yet")
    if fault:
        raise LeftError(fault)
    unfinished = folder / f".{day.partition_name}"
    exported = database.run(partial(_export, unfinished, span), snapshot=True)
    file = _finish(unfinished, day, exported)
    _drop(database, day, exported, file)
    return ArchivedDay(day.name, exported.rows, file["file_name"], file["file_bytes"] or 0)


def _export(file: Path, span: dict[str, Any], cursor: Cursor) -> Exported:
    def copy_out(target: CopyTarget) -> None:
        cursor.copy_expert(cursor.mogrify(statement("archive/export_day"), span), target)

    return write_file(file, copy_out)


def _finish(unfinished: Path, day: DayPartition, exported: Exported) -> dict[str, Any]:
    """Gives the file its final name, which contains a checksum, and reads it back.

    A day without raw rows, such as one on which the office was closed, needs no file.
    """
    if not exported.rows:
        unfinished.unlink()
        return {"file_name": None, "file_bytes": None, "sha256": None}
    sha256 = checksum(unfinished)
    file = unfinished.with_name(f"{day.partition_name}-{sha256[:12]}.parquet")
    unfinished.replace(file)
    _bring_to_disk(file.parent)
    if content_of(file) != exported.content or checksum(file) != sha256:
        raise LeftError(f"{file} does not read back as what was exported")
    return {"file_name": file.name, "file_bytes": file.stat().st_size, "sha256": sha256}


def _bring_to_disk(folder: Path) -> None:
    """Flushes the folder's entries (file names) to the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _drop(database: Database, day: DayPartition, exported: Exported, file: dict[str, Any]) -> None:
    drop = {
        "partition_name": day.partition_name,
        "raw_rows": exported.rows,
        "seqs": exported.seqs,
        **file,
    }
    reason = database.run(lambda cursor: fetch_one(cursor, "archive/drop_day", drop).reason)
    if reason:
        raise LeftError(reason)
