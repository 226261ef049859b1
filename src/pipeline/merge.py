"""Merges raw rows into the clean tables: each batch one transaction, each raw row one outcome."""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from pipeline.database import Database, PassingError
from pipeline.staging import STREAMS
from pipeline.statements import Cursor, execute, fetch_all, fetch_one

log = logging.getLogger(__name__)

ROWS_WORTH_ANALYZING = 10_000


@dataclass(frozen=True)
class Batch:
    """What one batch did: raw rows by fate, and windows it dirtied."""

    stream: str
    run_id: int
    merged: int
    duplicate: int
    conflict: int
    rejected: int
    dirtied_windows: int
    reasons: dict[str, int] = field(default_factory=dict)
    """The rejected ones by reason."""
    found_by_sweep: bool = False
    """Whether there were some among them that the cursor had passed."""
    seconds: float = 0.0
    """How long it took, attempts that failed included."""

    @property
    def rows(self) -> int:
        """Raw rows that got an outcome."""
        return self.merged + self.duplicate + self.conflict + self.rejected


def merge_pending(database: Database, *, batch_size: int, sweep: bool = True) -> Iterator[Batch]:
    """Merges all streams until nothing is pending that was there when the last batch was chosen.

    So it ends although others go on appending.

    Args:
        database: where.
        batch_size: raw rows a batch takes at most, give or take those of one transaction.
        sweep: look also for raw rows without an outcome that the cursor has passed.
    """
    for stream in STREAMS:
        yield from _batches(database, stream, batch_size=batch_size, sweep=False)
        if sweep:
            yield from _batches(database, stream, batch_size=batch_size, sweep=True)


def _batches(database: Database, stream: str, *, batch_size: int, sweep: bool) -> Iterator[Batch]:
    while True:
        began = time.monotonic()
        batch, more = database.run(
            lambda cursor: merge_batch(cursor, stream, batch_size=batch_size, sweep=sweep)
        )
        if batch is not None:
            batch = replace(batch, seconds=time.monotonic() - began)
            _log(batch)
            if batch.rows >= ROWS_WORTH_ANALYZING:
                database.run(lambda cursor: execute(cursor, "merge/analyze"))
            yield batch
        if not more:
            return


def merge_batch(
    cursor: Cursor, stream: str, *, batch_size: int, sweep: bool
) -> tuple[Batch | None, bool]:
    """Merges the next batch of a stream, and says whether there may be more.

    Idempotent by id, and safe beside another merger: the stream's cursor row is locked first, and
    the statements that follow see what the other has committed.
    """
    last_xid = fetch_one(cursor, "merge/lock_cursor", {"stream": stream}).last_xid
    found = fetch_one(
        cursor,
        "merge/next_sweep" if sweep else "merge/next_batch",
        {"stream": stream, "last_xid": last_xid, "batch_size": batch_size},
    )
    if not found.found:
        return None, False
    # Fewer than asked for: these are all; what is appended meanwhile is for the next merge.
    more = found.found >= batch_size
    batch = _merge_rows(cursor, stream, found.low_xid, found.high_xid, sweep=sweep)
    _move_cursor(cursor, batch, last_xid if sweep else found.high_xid)
    if batch.rows:
        return replace(batch, found_by_sweep=int(found.low_xid) <= int(last_xid)), more
    # The cursor has come to rows that a sweep took before; a sweep that could not place a row
    # would find it again for ever.
    execute(cursor, "merge/forget_run", {"run_id": batch.run_id})
    return None, more and not sweep


def _merge_rows(cursor: Cursor, stream: str, low_xid: str, high_xid: str, *, sweep: bool) -> Batch:
    run_id = fetch_one(cursor, "merge/open_run", {"stream": stream, "is_sweep": sweep}).run_id
    rows = {"run_id": run_id, "low_xid": low_xid, "high_xid": high_xid}
    done = fetch_one(cursor, f"merge/merge_{stream}", rows)._asdict()
    if done.pop("inserted") != done["merged"]:
        raise PassingError("somebody else has inserted a clean row meanwhile")
    execute(cursor, "merge/close_run", {"run_id": run_id, **done})
    reasons = _reasons(cursor, run_id) if done["rejected"] else {}
    return Batch(stream=stream, run_id=run_id, **done, reasons=reasons)


def _reasons(cursor: Cursor, run_id: int) -> dict[str, int]:
    found = fetch_all(cursor, "merge/rejected_by_reason", {"run_id": run_id})
    return {row.reason: row.rejected for row in found}


def _move_cursor(cursor: Cursor, batch: Batch, last_xid: str) -> None:
    execute(cursor, "merge/move_cursor", {**asdict(batch), "last_xid": last_xid})


def _log(batch: Batch) -> None:
    fields = asdict(batch)
    del fields["reasons"], fields["found_by_sweep"]
    log.info("batch merged", extra=fields)
    if batch.found_by_sweep:
        lost = {"stream": batch.stream, "run_id": batch.run_id, "rows": batch.rows}
        log.warning("a sweep found raw rows that the cursor had passed", extra=lost)
