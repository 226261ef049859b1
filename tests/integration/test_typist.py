"""Raw rows that are typed ahead: whatever happens to them, each is merged once, like any other."""

import time
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from integration.ahead import type_ahead_of_any
from integration.events import claim, merge, rows, stage
from pipeline.core.database import Database
from pipeline.core.statements import execute
from pipeline.merge.merge import Batch, Look, merge_stream
from pipeline.merge.typist import TypedAhead, Typist
from pipeline.schema.migrate import apply_schema

MANY = 30
BATCH_SIZE = 5
TYPED = "SELECT count(*) FROM staging.claim_typed"
OUTCOMES = "SELECT seq, fate FROM staging.outcome ORDER BY seq"
MERGED = [(seq, "merged") for seq in range(1, MANY + 1)]
END_TYPISTS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'typing%'
    """


@pytest.fixture(autouse=True)
def used(monkeypatch: pytest.MonkeyPatch) -> list[TypedAhead]:
    """What was typed ahead and then merged or tried, in the test."""
    type_ahead_of_any(monkeypatch)
    typed_behind = Typist.typed_behind
    seen = []

    def noted(typist: Typist, taken_seq: int) -> TypedAhead | None:
        typed = typed_behind(typist, taken_seq)
        if typed is not None:
            seen.append(typed)
        return typed

    monkeypatch.setattr(Typist, "typed_behind", noted)
    return seen


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """The database, as another process sees it."""
    with closing(Database(database_url)) as made:
        yield made


@pytest.fixture
def batches(database: Database) -> Iterator[Batch]:
    """A backlog that is being merged; its first batch is done, and the next one is typed."""
    stage(database, "claim", *map(claim, range(MANY)))
    merging = merge_stream(database, "claim", batch_size=BATCH_SIZE, sweep=None)
    assert next(merging).rows == BATCH_SIZE
    return merging


def finish(batches: Iterator[Batch]) -> int:
    return sum(batch.rows for batch in batches)


def wait_until_typed(other: Database) -> None:
    deadline = time.monotonic() + 30
    while rows(other, TYPED) == [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_backlog_is_typed_ahead(
    database: Database, batches: Iterator[Batch], used: list[TypedAhead]
) -> None:
    assert finish(batches) == MANY - BATCH_SIZE
    assert [typed.rows for typed in used] == [BATCH_SIZE] * (MANY // BATCH_SIZE - 1)
    assert rows(database, OUTCOMES) == MERGED
    assert rows(database, TYPED) == [(0,)]


def test_few_rows_are_not_typed_ahead(
    database: Database, used: list[TypedAhead], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    stage(database, "claim", *map(claim, range(MANY)))
    assert finish(merge_stream(database, "claim", batch_size=BATCH_SIZE, sweep=None)) == MANY
    assert used == []


def test_another_process_merges_what_was_typed(
    database: Database, batches: Iterator[Batch], other: Database
) -> None:
    wait_until_typed(other)
    merge(other)
    assert finish(batches) == 0
    assert rows(database, OUTCOMES) == MERGED


def test_a_sweep_of_another_process_decides_what_was_typed(
    database: Database, batches: Iterator[Batch], other: Database
) -> None:
    wait_until_typed(other)
    sweep = [
        batch
        for batch in merge_stream(other, "claim", batch_size=3, sweep=Look.ALL)
        if batch.found_by_sweep
    ]
    assert not sweep
    finish(batches)
    assert rows(database, OUTCOMES) == MERGED


def test_typed_rows_are_gone(
    database: Database, batches: Iterator[Batch], used: list[TypedAhead], other: Database
) -> None:
    wait_until_typed(other)
    with other.transaction() as cursor:
        cursor.execute("TRUNCATE staging.claim_typed")
    assert finish(batches) == MANY - BATCH_SIZE
    assert used
    assert rows(database, OUTCOMES) == MERGED


def test_rows_typed_by_an_older_contract_are_typed_again(
    database: Database, batches: Iterator[Batch], other: Database
) -> None:
    wait_until_typed(other)
    with other.transaction() as cursor:
        execute(cursor, "schema/version/forget_repeatable")
    apply_schema(other)
    assert rows(other, TYPED) == [(0,)]
    assert finish(batches) == MANY - BATCH_SIZE
    assert rows(database, OUTCOMES) == MERGED


def test_connection_of_the_typist_is_lost(
    database: Database, batches: Iterator[Batch], other: Database
) -> None:
    wait_until_typed(other)
    next(batches)
    rows(other, END_TYPISTS)
    finish(batches)
    assert rows(database, OUTCOMES) == MERGED


def test_work_that_a_killed_process_left_is_cleared(
    database: Database, batches: Iterator[Batch], other: Database
) -> None:
    wait_until_typed(other)
    batches.close()  # type: ignore[attr-defined]
    assert rows(other, TYPED) == [(BATCH_SIZE,)]
    assert finish(merge_stream(database, "claim", batch_size=BATCH_SIZE, sweep=None))
    assert rows(database, TYPED) == [(0,)]
    assert rows(database, OUTCOMES) == MERGED


def test_row_that_fails_is_found_among_those_typed_ahead(database: Database) -> None:
    with closing(psycopg2.connect(database.dsn)) as hand, hand.cursor() as cursor:
        cursor.execute("ALTER TABLE claim ADD CHECK (id <> 17)")
        hand.commit()
    stage(database, "claim", *map(claim, range(MANY)))
    finish(merge_stream(database, "claim", batch_size=BATCH_SIZE, sweep=None))
    fates = "SELECT fate, reason, count(*) FROM staging.outcome GROUP BY 1, 2 ORDER BY 1"
    assert rows(database, fates) == [
        ("merged", None, MANY - 1),
        ("rejected", "unprocessable", 1),
    ]
    # What was typed in vain is cleared before more is typed.
    assert rows(database, TYPED) < [(2 * BATCH_SIZE,)]


def test_row_that_commits_late_is_found_behind_what_was_typed(
    database: Database, database_url: str
) -> None:
    with closing(psycopg2.connect(database_url)) as late, late.cursor() as cursor:
        stage(database, "claim", *map(claim, range(7)))
        cursor.execute(
            "INSERT INTO staging.event (stream, payload) VALUES ('claim', %s)",
            (claim(100).decode(),),
        )
        stage(database, "claim", *map(claim, range(7, MANY)))
        merging = merge_stream(database, "claim", batch_size=BATCH_SIZE, sweep=None)
        next(merging)
        late.commit()
        finish(merging)
    finish(merge_stream(database, "claim", batch_size=BATCH_SIZE, sweep=None))
    assert len(rows(database, OUTCOMES)) == MANY + 1
