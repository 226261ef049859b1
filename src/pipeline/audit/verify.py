"""Checks every promise about the data, as it is at one moment."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from pipeline.archive.file import RecordedFile, fault_of
from pipeline.core.cluster import is_cluster
from pipeline.core.database import Database
from pipeline.core.statements import (
    Cursor,
    execute,
    fetch_all,
    fetch_one,
    first_comment,
    for_each_stream,
    statement,
    statements_in,
)
from pipeline.core.window import EARLIEST
from pipeline.merge.merge import LAST_SEQ

T = TypeVar("T")

ROWS_SHOWN = 20

# The second line of a check's statement names the commands that put right what it finds.
MENDED_BY: Final = "-- mended by: "

# The promises about published figures. Each row at fault has a window_start.
ABOUT_FIGURES: Final = (
    "audit/verify/070_window_is_accounted_for",
    "audit/verify/080_revenue_equals_recompute",
    "audit/verify/082_figure_has_its_run",
)

# A statement, and the stream that it is rendered for; None if it checks all streams.
Check = tuple[str, str | None]


@dataclass(frozen=True)
class Promise:
    """A promise in words, the rows that break it, and the commands that put them right."""

    name: str
    text: str
    mended_by: list[str]
    """Commands of the office, to be run one after the other; empty if only a backup helps."""
    rows_at_fault: int
    examples: list[dict[str, Any]]

    @property
    def holds(self) -> bool:
        """Whether no row breaks it."""
        return self.rows_at_fault == 0


def verify(
    cursor: Cursor,
    *,
    since: datetime | None = None,
    patience: timedelta | None = None,
    for_each: Callable[[Sequence[Check]], Iterable[Check]] = iter,
) -> list[Promise]:
    """Checks every promise. All checks see the same state, if the cursor's step does.

    Args:
        cursor: of a step of `at_one_moment`.
        since: check only what was received, merged or published since then, so that the cost does
            not grow with history; None checks everything.
        patience: how long a closed window may wait for an analytics run; None for as long as two
            windows, so that two runs have to miss it.
        for_each: gives out the checks one after the other, and so learns when each is done.
    """
    if since:
        execute(cursor, "audit/verify_slice/favour_indexes")
    bounds = slice_bounds(cursor, since or EARLIEST, patience)
    names = statements_in("audit/verify") + ([] if since else statements_in("audit/verify_all"))
    checks = for_each(for_each_stream(names))
    return [_check(cursor, name, stream, bounds) for name, stream in checks]


def verify_database(
    database: Database,
    *,
    since: datetime | None = None,
    patience: timedelta | None = None,
    for_each: Callable[[Sequence[Check]], Iterable[Check]] = iter,
) -> list[Promise]:
    """Checks every promise at one moment; the arguments are those of `verify`.

    A cluster is looked at again where a promise seems broken: its nodes may have shown something
    from before and from after a commit. What is broken then, too, is reported.
    """
    look = partial(verify, since=since, patience=patience)
    first = at_one_moment(database, partial(look, for_each=for_each))
    if all(promise.holds for promise in first) or not database.run(is_cluster):
        return first
    second = at_one_moment(database, look)
    return [
        earlier if earlier.holds else later for earlier, later in zip(first, second, strict=True)
    ]


def find_unbalanced_now(database: Database, *, since: datetime) -> list[Any]:
    """Like `find_unbalanced`, at one moment; on a cluster it looks twice, like `verify`."""
    look = partial(find_unbalanced, since=since)
    first = at_one_moment(database, look)
    if not first or not database.run(is_cluster):
        return first
    second = {row.stream: row for row in at_one_moment(database, look)}
    return [second[row.stream] for row in first if row.stream in second]


def at_one_moment(database: Database, step: Callable[[Cursor], T]) -> T:
    """Runs a step that reads only, so that all of its statements see the same state.

    On one server that is a snapshot. A cluster has none of all its nodes: there, the step holds the
    locks of all cursors, and no batch is merged meanwhile.
    """
    if not database.run(is_cluster):
        return database.run(step, snapshot=True)

    def while_nothing_is_merged(cursor: Cursor) -> T:
        execute(cursor, "revenue/lock_cursors")
        execute(cursor, "core/cluster/allow_large_results")
        return step(cursor)

    return database.run(while_nothing_is_merged)


def find_unbalanced(cursor: Cursor, *, since: datetime) -> list[Any]:
    """The streams that do not add up for what was received since then: the first promise."""
    execute(cursor, "audit/verify_slice/favour_indexes")
    return fetch_all(cursor, "audit/verify/010_reconciliation", slice_bounds(cursor, since, None))


def windows_at_fault(cursor: Cursor) -> set[datetime]:
    """The windows whose published figures break a promise; a window that is due breaks none."""
    bounds = slice_bounds(cursor, EARLIEST, None)
    return {row.window_start for name in ABOUT_FIGURES for row in fetch_all(cursor, name, bounds)}


def recorded_files(cursor: Cursor, *, since: datetime) -> list[RecordedFile]:
    """The files of the archive; those recorded since then are called recent."""
    found = fetch_all(cursor, "archive/files", {"since": since})
    return [RecordedFile(**row._asdict()) for row in found]


def verify_files(files: Iterable[RecordedFile], folder: Path) -> Promise:
    """Checks that each file of the archive is there and has its size; recent files are read, too.

    It takes no cursor, because the server ends a transaction that is idle for long.
    """
    faults = [
        {"file_name": file.file_name, "fault": fault}
        for file in files
        if (fault := fault_of(folder, file, is_read=file.is_recent))
    ]
    return Promise(
        name="archived_file_is_as_recorded",
        text=f"every file of archived raw rows is as it was recorded, in {folder}",
        mended_by=[],
        rows_at_fault=len(faults),
        examples=faults[:ROWS_SHOWN],
    )


def find_fault(
    database: Database, folder: Path, patience: timedelta | None, since: datetime | None
) -> str | None:
    """The broken promises about data since a time, in words; None if there are none."""
    promises = verify_database(database, since=since, patience=patience)
    files = database.run(partial(recorded_files, since=since or EARLIEST))
    broken = [each.name for each in [*promises, verify_files(files, folder)] if not each.holds]
    return f"verify finds fault: {', '.join(broken)}" if broken else None


def slice_bounds(cursor: Cursor, since: datetime, patience: timedelta | None) -> dict[str, Any]:
    """The slice that is checked. On a cluster, it ends with what has arrived by now."""
    slice_of_all = {"since": since, "patience": patience}
    bounds = fetch_one(cursor, "audit/verify_slice/bounds", slice_of_all)._asdict()
    if not is_cluster(cursor):
        return {**bounds, "last_seq": LAST_SEQ}
    return {**bounds, **fetch_one(cursor, "audit/verify_slice/last_seq")._asdict()}


def _check(cursor: Cursor, name: str, stream: str | None, bounds: dict[str, Any]) -> Promise:
    rows = fetch_all(cursor, name, bounds, stream=stream)
    return Promise(
        name=_name_of_promise(name, stream),
        text=first_comment(name, stream),
        mended_by=mended_by(name, stream),
        rows_at_fault=len(rows),
        examples=[row._asdict() for row in rows[:ROWS_SHOWN]],
    )


def mended_by(name: str, stream: str | None) -> list[str]:
    """The commands that put right what a check finds, as its statement names them.

    Raises:
        ValueError: the statement names none.
    """
    line = statement(name, stream).splitlines()[1]
    if not line.startswith(MENDED_BY):
        raise ValueError(f"the second line of {name} does not say what mends it")
    return line.removeprefix(MENDED_BY).split(", ")


def _name_of_promise(name: str, stream: str | None) -> str:
    """The name of the statement's file, with the stream behind its number."""
    file = name.rsplit("/", 1)[-1]
    number, _, promise = file.partition("_")
    return f"{number}_{stream}_{promise}" if stream else file
