"""Merges raw rows into the clean tables: each batch one transaction, each raw row one outcome."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from functools import partial
from typing import Any, Final

import psycopg2

from pipeline.core.database import Database
from pipeline.core.statements import (
    Cursor,
    execute,
    execute_all,
    fetch_all,
    fetch_last,
    fetch_one,
    statements_in,
)
from pipeline.core.streams import STREAMS
from pipeline.merge.failure import RowsError, Sizes, rows_error
from pipeline.merge.typist import TYPE, TypedAhead, TypedRowsGoneError, Typist

log = logging.getLogger(__name__)

ROWS_WORTH_ANALYZING = 10_000
# No raw row has a higher number.
LAST_SEQ = 2**63 - 1
# How long a statement of a batch may take. 100,000 raw rows take a few seconds.
STATEMENT_SECONDS: Final = 30.0
# It waits for a lock for a part of that time only: a wait must not be taken for work that is long.
LOCK_SHARE: Final = 0.5
# The reason of a row that is taken again when its patient comes.
AWAITED: Final = "unknown_patient"
# What merges the rows of a batch, one after the other; each says in its first line what it does.
_, *_RECORD, _MARK = statements_in("merge/merge_rows")
STEPS: Final = [*_RECORD, "merge/check_constraints", _MARK]
# Where clean rows are missing, the first raw row of each of their ids is read again.
STEPS_EMPTIED: Final = ["merge/recall_rows", *STEPS]
LAST: Final = ["merge/clear_typed", "merge/clear_judged", "merge/close_run", "merge/count_batch"]
LAST_AHEAD: Final = [*LAST, "merge/move_cursor"]
# While a batch of at least so many raw rows is merged, those of the next one are typed.
ROWS_WORTH_TYPING_AHEAD = 10_000
# So many awaited patients are looked for in each merge, so that it costs the same however many are.
PATIENTS_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class Batch:
    """What one batch did: raw rows by fate, and the windows that it marked."""

    stream: str
    run_id: int
    merged: int
    duplicate: int
    conflict: int
    rejected: int
    dirtied_windows: int
    reasons: dict[str, int] = field(default_factory=dict)
    """The rejected raw rows by reason."""
    found_by_sweep: bool = False
    """Whether the cursor had passed some of its raw rows."""
    seconds: float = 0.0
    """How long it took, with failed attempts."""

    @property
    def rows(self) -> int:
        """Raw rows that got an outcome."""
        return self.merged + self.duplicate + self.conflict + self.rejected


class Look(Enum):
    """Where the merge looks for pending raw rows."""

    BEHIND = "behind"
    """Just behind the cursor: rows that committed late or were replayed."""
    AWAITED = "awaited"
    """Rows that were rejected because their patient was unknown, of the next 1,000 patients."""
    ALL_AWAITED = "all awaited"
    """The same, of all patients."""
    AHEAD = "ahead"
    """Ahead of the cursor: rows that arrived since."""
    RECENT = "recent"
    """Everywhere in the last two days. The cursor is for speed only, the outcomes are the truth."""
    ALL = "all"
    """Everywhere."""


Looks = Sequence[Look]
SWEEPS: Final = (Look.RECENT, Look.ALL)


def merge_pending(
    database: Database,
    *,
    batch_size: int,
    sweep: Look | None = Look.ALL,
    statement_seconds: float = STATEMENT_SECONDS,
) -> Iterator[Batch]:
    """Merges all streams until nothing is pending.

    Rows that arrive while the last batch runs are left to the next merge, so that it ends. A row
    that can't be processed is rejected; the others of its batch are merged.

    Args:
        database: the database.
        batch_size: the most raw rows of a batch, give or take those that commit meanwhile.
        sweep: how far behind the cursor to search for raw rows without an outcome; None for those
            that committed late only.
        statement_seconds: how long a statement of a batch may take. If it takes longer, fewer rows
            are tried, down to one, which is then rejected.
    """
    for stream in STREAMS:
        yield from merge_stream(
            database,
            stream,
            batch_size=batch_size,
            sweep=sweep,
            statement_seconds=statement_seconds,
        )


def merge_stream(
    database: Database,
    stream: str,
    *,
    batch_size: int,
    sweep: Look | None = Look.ALL,
    statement_seconds: float = STATEMENT_SECONDS,
) -> Iterator[Batch]:
    """Merges one stream like `merge_pending`."""
    awaited = Look.ALL_AWAITED if sweep is Look.ALL else Look.AWAITED
    looks = (Look.BEHIND, awaited, Look.AHEAD, *([sweep] if sweep else []))
    began_seq = database.run(partial(_lock_cursor, stream=stream)).taken_seq if sweep else LAST_SEQ
    merge = partial(
        merge_batch, stream=stream, statement_seconds=statement_seconds, began_seq=began_seq
    )
    with closing(Typist(database, stream, statement_seconds=statement_seconds)) as typist:
        yield from _batches(database, merge, looks, Sizes(batch_size), typist)


Merge = Callable[..., tuple[Batch | None, Looks]]


def _batches(
    database: Database, merge: Merge, looks: Looks, sizes: Sizes, typist: Typist
) -> Iterator[Batch]:
    while looks:
        began = time.monotonic()
        batch, looks = _next_batch(database, partial(merge, looks=looks), sizes, typist)
        if batch is not None:
            batch = replace(batch, seconds=time.monotonic() - began)
            _log(batch)
            if batch.rows >= ROWS_WORTH_ANALYZING:
                database.run(partial(_analyze, rows=batch.rows))
            yield batch


def _next_batch(
    database: Database, merge: Merge, sizes: Sizes, typist: Typist
) -> tuple[Batch | None, Looks]:
    """Merges the next batch. If it fails for a reason that lies in its rows, it takes fewer."""
    while True:
        # Not within the transaction: the server ends one that is idle for long.
        typist.wait(batch_size=sizes.after_next)
        try:
            done = database.run(
                partial(merge, batch_size=sizes.next, refused_seq=sizes.refused_seq, typist=typist)
            )
        except TypedRowsGoneError:
            typist.give_up()
            log.info("typed rows are gone, the batch types its own")
        except RowsError as error:
            typist.give_up()
            sizes.failed(error)
            _log_failure(error, sizes)
        else:
            sizes.succeeded()
            return done


def merge_batch(
    cursor: Cursor,
    stream: str,
    *,
    batch_size: int,
    looks: Looks,
    statement_seconds: float = STATEMENT_SECONDS,
    refused_seq: int | None = None,
    typist: Typist | None = None,
    began_seq: int = LAST_SEQ,
) -> tuple[Batch | None, Looks]:
    """Merges the next batch of a stream, and says which looks may find more.

    It is idempotent by id and safe beside another merger: it locks the stream's cursor row first,
    so its statements see what the other one has committed.

    Args:
        cursor: a cursor in a transaction of its own.
        stream: the stream.
        batch_size: the most raw rows to take.
        looks: where to look for them; the first look that finds some ends the search.
        statement_seconds: as for `merge_pending`.
        refused_seq: the raw row to reject without a look into it, if the batch has no other.
        typist: who types ahead of large batches.
        began_seq: the raw row at which the cursor stood when the merge began. A sweep leaves to the
            look ahead what that has seen since.

    Raises:
        RowsError: the batch failed for a reason that lies in its rows.
        TypedRowsGoneError: the typed rows are not those that were typed ahead.
    """
    asked = {
        "stream": stream,
        "batch_size": batch_size,
        "began_seq": began_seq,
        **_lock_cursor(cursor, stream)._asdict(),
    }
    for number, look in enumerate(looks):
        batch, more = _merge_found_by(
            look,
            cursor,
            asked,
            statement_seconds=statement_seconds,
            refused_seq=refused_seq,
            typist=typist,
        )
        if more:
            return batch, looks[number:]
        if batch:
            return batch, looks[number + 1 :]
    return None, ()


def _lock_cursor(cursor: Cursor, stream: str) -> Any:  # noqa: ANN401
    """How far the merge has come; another one waits until this transaction ends."""
    return fetch_one(cursor, "merge/lock_cursor", {"stream": stream})


Asked = Mapping[str, Any]


def _merge_found_by(
    look: Look,
    cursor: Cursor,
    asked: Asked,
    *,
    statement_seconds: float,
    refused_seq: int | None,
    typist: Typist | None,
) -> tuple[Batch | None, bool]:
    """Merges the next raw rows that a look finds, and says whether it may find more."""
    stream, taken_seq = asked["stream"], asked["taken_seq"]
    typed = typist.typed_behind(taken_seq) if typist and look is Look.AHEAD else None
    found = typed.found if typed else _FIND[look](cursor, asked)
    if found is None:
        return None, False
    # If it found fewer than it asked for, these are all. Later arrivals are for the next merge.
    more = found.has_more
    if not found.found:
        return None, more
    if typist and look is Look.AHEAD and more and found.found >= ROWS_WORTH_TYPING_AHEAD:
        typist.begin(taken_seq=found.high_seq, received_from=asked["taken_from"])
    # Except ahead of the cursor, the rows that were found are listed one by one.
    rows = {**found._asdict(), "stream": stream, "taken_seq": LAST_SEQ}
    if look is Look.AHEAD:
        rows["taken_seq"] = taken_seq
    is_refused = found.found == 1 and found.low_seq == refused_seq
    take = _reject if is_refused else partial(_take, typed=typed, seconds=statement_seconds)
    rows["is_emptied"] = _is_emptied(cursor, stream, statement_seconds)
    batch = _merge_rows(cursor, stream, rows, take, look)
    if typed and batch.rows != typed.rows:
        raise TypedRowsGoneError
    if batch.rows:
        is_passed = look in SWEEPS and found.low_seq <= asked["passed_seq"]
        return replace(batch, found_by_sweep=is_passed), more
    # Ahead of the cursor, a sweep has decided these rows before. A sweep that decides no row must
    # end, or it would find the same row for ever.
    execute(cursor, "merge/forget_run", {"run_id": batch.run_id})
    return None, more and look is Look.AHEAD


def _find_behind(cursor: Cursor, asked: Asked) -> Any:  # noqa: ANN401
    """The next raw rows that have appeared behind the cursor since the last look; None if none can.

    The order of its statements matters: who can make rows appear is asked before the rows are.
    """
    is_ahead_of_look = asked["looked_seq"] < asked["taken_seq"]
    if not (is_ahead_of_look or asked["looks_back"]):
        return None
    behind = fetch_one(cursor, "merge/look_behind", asked)
    if not is_ahead_of_look and behind.after_seq == LAST_SEQ:
        return None
    asked = {**asked, **behind._asdict()}
    found = fetch_one(cursor, "merge/next_behind", asked)
    if not found.has_more:
        execute(cursor, "merge/settle_cursor", asked)
    return found


def _find_awaited(cursor: Cursor, asked: Asked) -> Any:  # noqa: ANN401
    """The next raw rows whose patient was unknown and is known by now, of the next patients."""
    return _put_back(cursor, {**asked, "most_patients": PATIENTS_AT_ONCE})


def _find_all_awaited(cursor: Cursor, asked: Asked) -> Any:  # noqa: ANN401
    """The next raw rows whose patient was unknown and is known by now, of all patients."""
    return _put_back(cursor, {**asked, "awaited_from": -LAST_SEQ - 1, "most_patients": LAST_SEQ})


def _put_back(cursor: Cursor, asked: Asked) -> Any:  # noqa: ANN401
    """Puts rejected raw rows back to pending; None if no patient is awaited."""
    if not asked["awaits"]:
        return None
    found = fetch_one(cursor, "merge/next_awaited", asked)
    execute(cursor, "merge/settle_awaited", {**asked, **found._asdict()})
    return found


def _find_ahead(cursor: Cursor, asked: Asked) -> Any:  # noqa: ANN401
    """The next raw rows ahead of the cursor."""
    return fetch_one(cursor, "merge/next_ahead", {**asked, "received_from": asked["taken_from"]})


def _find_recent(cursor: Cursor, asked: Asked) -> Any:  # noqa: ANN401
    """The next raw rows of the last two days that have no outcome."""
    return fetch_one(cursor, "merge/next_sweep", {**asked, "received_from": asked["recent_from"]})


def _find_all(cursor: Cursor, asked: Asked) -> Any:  # noqa: ANN401
    """The next raw rows that have no outcome."""
    return fetch_one(cursor, "merge/next_sweep", {**asked, "received_from": "-infinity"})


_FIND: Final = {
    Look.BEHIND: _find_behind,
    Look.AWAITED: _find_awaited,
    Look.ALL_AWAITED: _find_all_awaited,
    Look.AHEAD: _find_ahead,
    Look.RECENT: _find_recent,
    Look.ALL: _find_all,
}


def _is_emptied(cursor: Cursor, stream: str, seconds: float) -> bool:
    """Whether somebody has emptied the clean table.

    Limits how long each further statement of the transaction takes, and waits for a lock.
    """
    limits = {
        "statement_timeout": f"{round(seconds * 1000)}ms",
        "lock_timeout": f"{round(seconds * LOCK_SHARE * 1000)}ms",
    }
    first = ["merge/limit_time", "merge/is_emptied"]
    is_emptied: bool = fetch_last(cursor, first, {"stream": stream, **limits}).is_emptied
    if is_emptied and fetch_all(cursor, "merge/note_emptied", {"stream": stream}):
        log.warning("a clean table was emptied", extra={"stream": stream})
    return is_emptied


Take = Callable[[Cursor, str, dict[str, Any]], dict[str, Any]]


def _merge_rows(cursor: Cursor, stream: str, rows: dict[str, Any], take: Take, look: Look) -> Batch:
    is_ahead = look is Look.AHEAD
    run = fetch_one(cursor, "merge/open_run", {"stream": stream, "is_sweep": not is_ahead})
    rows["run_id"] = rows["work_id"] = run.run_id
    done = take(cursor, stream, rows)
    last = LAST_AHEAD if is_ahead else LAST
    execute_all(cursor, last, {**rows, "earliest_at": rows["first_at"], **done}, stream=stream)
    return Batch(stream=stream, run_id=run.run_id, **done)


def _take(
    cursor: Cursor,
    stream: str,
    rows: dict[str, Any],
    *,
    typed: TypedAhead | None,
    seconds: float,
) -> dict[str, Any]:
    """Types raw rows, judges, inserts and records them; returns the counts by column name.

    Raises:
        RowsError: it failed for a reason that lies in the rows.
    """
    began = time.monotonic()
    steps = STEPS_EMPTIED if rows["is_emptied"] else STEPS
    if typed:
        rows["work_id"] = typed.work_id
    else:
        steps = [TYPE, *steps]
    try:
        done = fetch_last(cursor, steps, rows, stream=stream)
        if AWAITED in done.reasons:
            execute(cursor, "merge/await_patients", rows, stream=stream)
    except psycopg2.Error as error:
        lies_in_rows = rows_error(
            error,
            took=time.monotonic() - began,
            limit=seconds,
            rows=rows["found"],
            first_seq=rows["low_seq"],
        )
        # The error's own text can hold values.
        raise lies_in_rows or error from None
    return dict(done._asdict())


def _reject(cursor: Cursor, stream: str, rows: dict[str, Any]) -> dict[str, Any]:
    """Rejects the only raw row of a batch; returns the counts by column name."""
    rejected = fetch_one(cursor, "merge/reject_row", {**rows, "stream": stream})
    return dict(rejected._asdict())


def _analyze(cursor: Cursor, rows: int) -> None:
    """Updates the planner's statistics at once after a large batch."""
    execute(cursor, "merge/analyze", {"rows": rows})


def _log_failure(error: RowsError, sizes: Sizes) -> None:
    """Says which rows failed and why. The error's own text is left out: it can hold values."""
    failed = {"rows": error.rows, "first_seq": error.first_seq, "error": str(error)}
    if sizes.refused_seq is None:
        log.warning("batch failed, fewer rows are tried", extra=failed)
    else:
        log.warning("raw row can't be processed, it is rejected", extra=failed)


def _log(batch: Batch) -> None:
    fields = asdict(batch)
    del fields["reasons"], fields["found_by_sweep"]
    log.info("batch merged", extra=fields)
    if batch.found_by_sweep:
        lost = {"stream": batch.stream, "run_id": batch.run_id, "rows": batch.rows}
        log.warning("a sweep found raw rows that the cursor had passed", extra=lost)
