"""Rebuilds the clean layer from staging, compares it with the live one, and repairs the live one.

Published figures at fault are found, too. It marks their windows, for the next analytics run.

The rebuilt layer is kept in temporary tables. Short transactions fill it while merges go on. A last
transaction brings it up to date while merges wait.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from psycopg2.errors import UndefinedTable

from pipeline.archive.file import RecordedFile, copy_source, fault_of
from pipeline.audit.verify import recorded_files, windows_at_fault
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.progress import OnProgress, ignore_progress
from pipeline.core.statements import Cursor, execute, fetch_all, fetch_one, statement
from pipeline.core.streams import STREAMS
from pipeline.core.window import EARLIEST


@dataclass(frozen=True)
class Difference:
    """How many rows of a table differ in the live layer, by kind.

    A row is missing, surplus or changed; an outcome can also be doubled. The relation `window`
    stands for the published figures: a window is changed if they break a promise.
    """

    relation: str
    kind: str
    rows: int
    examples: list[int] | list[datetime]
    """A few ids; of windows, the starts."""


@dataclass(frozen=True)
class Rebuild:
    """What a rebuild found, and whether it repaired the live layer."""

    outcomes: int
    differences: list[Difference]
    is_applied: bool
    marked_windows: int


@dataclass(frozen=True)
class Position:
    """A position in the order of merging: by batch, then by number of the raw row."""

    run_id: int
    seq: int


FIRST_POSITION: Final = Position(0, 0)
EVERYTHING: Final = 2**63 - 1

EXAMPLES_SHOWN: Final = 5

# How much the driver reads at a time.
COPY_BYTES: Final = 1024 * 1024

# The second pass takes the rows that were merged during the first. That leaves so little for the
# last transaction that merges only wait for its comparison.
PASSES: Final = 2


def rebuild(
    database: Database,
    *,
    batch_size: int,
    is_applied: bool,
    archive: Path = Path(),
    on_progress: OnProgress = ignore_progress,
) -> Rebuild:
    """Derives every outcome and clean row anew, compares, and repairs if asked to.

    It reads archived raw rows back from their files first.

    Args:
        database: the database; the temporary tables live as long as its connection.
        batch_size: outcomes that are derived in one transaction.
        is_applied: repair the live layer.
        archive: the folder of archived raw rows.
        on_progress: is called after each batch of outcomes.

    Raises:
        OfficeError: the connection was lost on the way, raw rows are gone, a file of the archive
            is not as it was recorded, or a batch was judged by a newer contract.
    """
    database.run(_require_known_contracts)
    files = _sound_files(database, archive)
    database.run(lambda cursor: execute(cursor, "audit/rebuild/create_tables"))
    positions = dict.fromkeys(STREAMS, FIRST_POSITION)
    try:
        for file in files:
            database.run(partial(_read_back, archive / file.file_name))
        total = database.run(_prepare)
        for _ in range(PASSES):
            for stream in STREAMS:
                for found, position in _derive_recorded(
                    database, stream, positions[stream], batch_size
                ):
                    positions[stream] = position
                    on_progress(found, total)
        return database.run(partial(_finish, positions, files, is_applied=is_applied))
    except UndefinedTable:
        raise OfficeError(
            "The connection to the database was lost on the way, and what was rebuilt with it; "
            "nothing was changed: run rebuild again."
        ) from None


def _require_known_contracts(cursor: Cursor) -> None:
    """Refuses to judge by a contract that this version does not know."""
    contract = fetch_one(cursor, "audit/rebuild/contracts")
    if contract.recorded > contract.known:
        raise OfficeError(
            f"Batches were judged by contract {contract.recorded}, and this version knows the "
            f"contract up to {contract.known}; nothing was changed: rebuild with the version that "
            "merged them."
        )


def _sound_files(database: Database, archive: Path) -> list[RecordedFile]:
    """The files of the archive, each checked against its record."""
    files = database.run(_files)
    for file in files:
        fault = fault_of(archive, file)
        if fault:
            raise OfficeError(
                f"{archive / file.file_name}, which holds {file.raw_rows} archived raw rows, is "
                f"{fault}; nothing was changed: bring it back from a backup."
            )
    return files


def _files(cursor: Cursor) -> list[RecordedFile]:
    return recorded_files(cursor, since=EARLIEST)


def _read_back(file: Path, cursor: Cursor) -> None:
    cursor.copy_expert(statement("audit/rebuild/read_back"), copy_source(file), COPY_BYTES)


def _prepare(cursor: Cursor) -> int:
    execute(cursor, "audit/rebuild/analyze_archived")
    for step in ("take_erased", "find_lost_erased", "find_lost_outcomes"):
        execute(cursor, f"audit/rebuild/{step}")
    return int(fetch_one(cursor, "audit/rebuild/count_outcomes").outcomes)


def _derive_recorded(
    database: Database, stream: str, position: Position, batch_size: int
) -> Iterator[tuple[int, Position]]:
    """Derives the outcomes that are recorded by now, in batches, while merges go on."""
    through = database.run(lambda cursor: int(fetch_one(cursor, "audit/rebuild/last_run").run_id))
    while True:
        batch = partial(_derive_batch, stream, position, batch_size, through)
        found, position = database.run(batch)
        if not found:
            return
        yield found, position


def _derive_batch(
    stream: str, after: Position, batch_size: int, through: int, cursor: Cursor
) -> tuple[int, Position]:
    batch = {
        "after_run": after.run_id,
        "after_seq": after.seq,
        "through_run": through,
        "batch_size": batch_size,
    }
    done = fetch_one(cursor, "audit/rebuild/derive_rows", batch, stream=stream)
    return done.found, Position(done.last_run, done.last_seq) if done.found else after


def _finish(
    positions: dict[str, Position], files: list[RecordedFile], cursor: Cursor, *, is_applied: bool
) -> Rebuild:
    """Brings the rebuilt layer up to date while no merge is under way, compares, and repairs."""
    execute(cursor, "revenue/lock_cursors")
    # No day can be archived while the cursors are locked, so this comparison stays true.
    if _files(cursor) != files:
        raise OfficeError(
            "Raw rows were archived meanwhile; nothing was changed: run rebuild again."
        )
    execute(cursor, "audit/rebuild/forget_replayed")
    for stream, position in positions.items():
        _derive_batch(stream, position, EVERYTHING, EVERYTHING, cursor)
    differences = _compare(cursor)
    touched = {row.window_start for row in fetch_all(cursor, "audit/rebuild/touched_windows")}
    if is_applied and differences:
        _put_right(cursor)
    # The figures of a touched window are computed again, whatever they are now.
    at_fault = windows_at_fault(cursor) - touched
    due = sorted(touched | at_fault) if is_applied else []
    execute(cursor, "audit/rebuild/mark_windows", {"windows": due})
    derived = fetch_one(cursor, "audit/rebuild/count_derived").outcomes
    return Rebuild(derived, differences + _of_figures(at_fault), is_applied, len(due))


def _of_figures(windows: set[datetime]) -> list[Difference]:
    if not windows:
        return []
    return [Difference("window", "changed", len(windows), sorted(windows)[:EXAMPLES_SHOWN])]


def _compare(cursor: Cursor) -> list[Difference]:
    execute(cursor, "audit/rebuild/analyze")
    for stream in STREAMS:
        execute(cursor, "audit/rebuild/compare_rows", stream=stream)
    for relation in ("outcome", "batch", "cursor"):
        execute(cursor, f"audit/rebuild/compare_{relation}")
    return [Difference(**row._asdict()) for row in fetch_all(cursor, "audit/rebuild/differences")]


def _put_right(cursor: Cursor) -> None:
    """Makes the live layer equal to the rebuilt one."""
    gone = fetch_one(cursor, "audit/rebuild/count_without_raw_row").outcomes
    if gone:
        raise OfficeError(
            f"The raw rows of {gone} outcomes are gone from staging.event, so that their clean "
            "rows can't be rebuilt; nothing was changed: 'python src/office.py erased' lists them, "
            "and records those that were erased on purpose. Bring the others back from a backup."
        )
    for stream in STREAMS:
        execute(cursor, "audit/rebuild/put_rows_right", stream=stream)
    execute(cursor, "audit/rebuild/drop_differing_outcomes")
    execute(cursor, "audit/rebuild/insert_differing_outcomes")
    # A missing cursor begins anew.
    execute(cursor, "schema/repeatable/125_merge_cursor")
    execute(cursor, "audit/rebuild/await_patients")
    for relation in ("batch", "cursor"):
        execute(cursor, f"audit/rebuild/put_{relation}_right")
    execute(cursor, "audit/rebuild/put_batches_back")
    execute(cursor, "audit/rebuild/count_batches_on")
