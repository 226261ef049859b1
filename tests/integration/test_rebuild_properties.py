"""After any history, a rebuild comes to the live layer and to the model's, at any batch size."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import Append, Load, Merge, Step, merge_histories
from integration.events import empty
from integration.test_properties import (
    History,
    append_all,
    assert_clean_is_as_modelled,
    assert_no_promise_is_broken,
    assert_reconciliation_is_as_modelled,
    merge_all,
    query,
    raw_rows,
    tried,
)
from model import RawRow
from pipeline.audit.erased import find_gone, record_erasure
from pipeline.audit.rebuild import Rebuild, rebuild
from pipeline.core.database import Database
from pipeline.merge.replay import replay

BATCH_SIZES = (1, 7, 1000)

LIVE = (
    "SELECT * FROM claim ORDER BY id",
    "SELECT * FROM diagnose ORDER BY id",
    "SELECT seq, stream, entity_id, fate, reason, run_id FROM staging.outcome ORDER BY seq",
)
REBUILT = (
    "SELECT * FROM rebuilt_claim ORDER BY id",
    "SELECT * FROM rebuilt_diagnose ORDER BY id",
    "SELECT seq, stream, entity_id, fate, reason, run_id FROM rebuilt_outcome ORDER BY seq",
)
COUNTS = (
    "SELECT merged, duplicate, conflict, rejected FROM staging.merge_cursor ORDER BY stream",
    "SELECT run_id, merged, duplicate, conflict, rejected FROM staging.merge_run ORDER BY run_id",
)

COMES = "INSERT INTO patient VALUES (1001, 'A', 'B', '1980-01-01') ON CONFLICT DO NOTHING"

# Each takes the rows whose number leaves a given rest.
DAMAGES = (
    "DELETE FROM claim WHERE id % 3 = %(rest)s",
    "DELETE FROM diagnose WHERE id % 3 = %(rest)s",
    "UPDATE claim SET price = price + 1 WHERE id % 3 = %(rest)s",
    "UPDATE claim SET tsp = tsp + interval '1 hour', code = 'X' WHERE id % 3 = %(rest)s",
    "UPDATE diagnose SET icd10_code = 'R41.3', patient_id = 9 WHERE id % 3 = %(rest)s",
    "INSERT INTO claim SELECT 90 + %(rest)s, 'A', 1, 1, now()",
    "INSERT INTO diagnose SELECT 90 + %(rest)s, 'R41.3', 1, now()",
    "DELETE FROM staging.outcome WHERE seq % 3 = %(rest)s",
    "UPDATE staging.outcome SET fate = 'conflict' WHERE fate = 'merged' AND seq % 3 = %(rest)s",
    "UPDATE staging.merge_cursor SET rejected = rejected + 1",
)
damages = st.lists(
    st.tuples(st.sampled_from(DAMAGES), st.integers(0, 2)), min_size=1, max_size=5, unique=True
)


@pytest.fixture
def database(lonely_database: Database) -> Database:
    """One for all examples, each of which empties it."""
    return lonely_database


def state(database: Database, queries: tuple[str, ...]) -> list[list[Any]]:
    return [[tuple(row) for row in query(database, text)] for text in queries]


def execute(database: Database, statement: str, **given_: int) -> None:
    with database.transaction() as cursor:
        cursor.execute(statement.replace(" % ", " %% "), given_)


def work(database: Database, steps: Sequence[Step], replays: list[bool]) -> None:
    """Does the steps of a history, with replays between them."""
    empty(database)
    execute(database, "DELETE FROM patient WHERE id = 1001")
    history = History(database)
    try:
        for step, is_replayed in zip(steps, replays, strict=False):
            history.do(step)
            if is_replayed:
                replay(database)
    finally:
        history.let_go(commits=True)


def assert_rebuilt_alike(database: Database) -> Rebuild:
    live = state(database, LIVE)
    for batch_size in BATCH_SIZES:
        found = rebuild(database, batch_size=batch_size, is_applied=False)
        assert found.differences == []
        assert state(database, REBUILT) == live
    return found


replays = st.lists(st.booleans(), min_size=16, max_size=16)


@tried(15)
@given(steps=merge_histories, replays=replays)
def test_any_history_is_rebuilt_alike_at_any_batch_size(
    database: Database, steps: list[Step], replays: list[bool]
) -> None:
    work(database, steps, replays)
    assert_rebuilt_alike(database)
    merge_all(database)
    assert_clean_is_as_modelled(database)
    # The unknown patient comes: what is on record stands, until the next merge.
    execute(database, COMES)
    assert_rebuilt_alike(database)
    replay(database, reason="unknown_patient")
    assert_rebuilt_alike(database)
    merge_all(database, 2)
    assert_rebuilt_alike(database)
    assert_no_promise_is_broken(database)


def erase(database: Database, rest: int) -> list[RawRow]:
    """Deletes merged raw rows, and records that; what they were."""
    chosen = "seq % 3 = %(rest)s AND seq IN (SELECT seq FROM staging.outcome)"
    before = raw_rows(database)
    execute(database, f"DELETE FROM staging.event WHERE {chosen}", rest=rest)
    left = {row.seq for row in raw_rows(database)}
    erased = [row for row in before if row.seq not in left]
    assert database.run(find_gone).rows == len(erased)
    if erased:
        with pytest.raises(AssertionError):
            assert_no_promise_is_broken(database)
        done = database.run(partial(record_erasure, reason="Somebody asked for it."))
        assert (done.rows, done.left_rows) == (len(erased), 0)
    return erased


@tried(15)
@given(
    steps=merge_histories, replays=replays, rests=st.permutations(range(3)), repeats=st.booleans()
)
def test_what_is_erased_stands_and_later_rows_are_judged_as_if_it_were_there(
    database: Database, steps: list[Step], replays: list[bool], rests: list[int], repeats: bool
) -> None:
    work(database, steps, replays)
    merge_all(database)
    arrived = [(row.stream, row.payload) for row in raw_rows(database)]
    erased: list[RawRow] = []
    for rest in rests[:2]:
        erased += erase(database, rest)
        assert_no_promise_is_broken(database)
        assert_rebuilt_alike(database)
        assert_clean_is_as_modelled(database, erased)
        assert_reconciliation_is_as_modelled(database, erased)
        append_all(database, arrived if repeats else arrived[::-1])
        merge_all(database, 3)
        assert_clean_is_as_modelled(database, erased)
    execute(database, "DELETE FROM staging.outcome WHERE seq % 3 = %(rest)s", rest=rests[0])
    rebuild(database, batch_size=2, is_applied=True)
    assert_rebuilt_alike(database)
    assert_clean_is_as_modelled(database, erased)
    assert_no_promise_is_broken(database)


@tried(15)
@given(steps=merge_histories, replays=replays, damages=damages, batch_size=st.integers(1, 9))
def test_any_damage_is_repaired_to_the_recorded_order(
    database: Database,
    steps: list[Step],
    replays: list[bool],
    damages: list[tuple[str, int]],
    batch_size: int,
) -> None:
    work(database, steps, replays)
    merge_all(database)
    for statement, rest in damages:
        execute(database, statement, rest=rest)
    rebuild(database, batch_size=batch_size, is_applied=True)
    assert_rebuilt_alike(database)
    assert_clean_is_as_modelled(database)
    merge_all(database)
    assert_rebuilt_alike(database)
    assert_clean_is_as_modelled(database)
    assert_no_promise_is_broken(database)


@tried(15)
@given(steps=merge_histories, damages=damages, batch_size=st.integers(1, 9))
def test_any_damage_is_undone_where_batches_followed_the_cursor(
    database: Database, steps: list[Step], damages: list[tuple[str, int]], batch_size: int
) -> None:
    plain = [step for step in steps if isinstance(step, Append | Load | Merge)]
    work(database, plain, [False] * len(plain))
    merge_all(database)
    before = state(database, LIVE + COUNTS)
    for statement, rest in damages:
        execute(database, statement, rest=rest)
    rebuild(database, batch_size=batch_size, is_applied=True)
    assert state(database, LIVE + COUNTS) == before
