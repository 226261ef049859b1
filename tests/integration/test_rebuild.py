"""The clean layer is rebuilt from staging, compared with the live one, and puts it right."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    fates,
    merge,
    rows,
    stage,
    stage_and_merge,
)
from pipeline.audit.rebuild import Rebuild, rebuild
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.merge.merge import merge_pending
from pipeline.merge.replay import replay

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
LATER = NOON + 12 * WINDOW

Rows = list[tuple[Any, ...]]

LIVE = {
    "claim": "SELECT * FROM claim ORDER BY id",
    "diagnose": "SELECT * FROM diagnose ORDER BY id",
    "outcome": "SELECT * FROM staging.outcome ORDER BY seq",
    "history": "SELECT seq, run_id FROM staging.outcome_history ORDER BY seq, run_id",
    "cursor": """
        SELECT stream, merged, duplicate, conflict, rejected
        FROM staging.merge_cursor ORDER BY stream
        """,
    "batch": "SELECT * FROM staging.merge_run ORDER BY run_id",
}
REBUILT = {
    "claim": "SELECT * FROM rebuilt_claim ORDER BY id",
    "diagnose": "SELECT * FROM rebuilt_diagnose ORDER BY id",
    "outcome": "SELECT * FROM rebuilt_outcome ORDER BY seq",
}


def layer(database: Database, queries: dict[str, str] = LIVE) -> dict[str, Rows]:
    return {name: rows(database, query) for name, query in queries.items()}


def execute(database: Database, statements: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statements)


def compare(database: Database, batch_size: int = 1000) -> Rebuild:
    return rebuild(database, batch_size=batch_size, is_applied=False)


def repair(database: Database, batch_size: int = 1000) -> Rebuild:
    return rebuild(database, batch_size=batch_size, is_applied=True)


def kinds(found: Rebuild) -> set[tuple[str, str, int]]:
    return {(each.relation, each.kind, each.rows) for each in found.differences}


def broken_promises(database: Database) -> list[str]:
    return [promise.name for promise in database.run(verify, snapshot=True) if not promise.holds]


def dirty_windows(database: Database) -> list[datetime]:
    query = "SELECT DISTINCT window_start FROM analytics.dirty_window ORDER BY window_start"
    return [start for (start,) in rows(database, query)]


@pytest.fixture
def office(database: Database) -> Database:
    """An office with every fate, a replay, and published windows."""
    stage(database, "claim", claim(1, price=10, tsp=NOON), claim(1, price=10, tsp=LATER))
    stage(
        database, "claim", claim(1, price=11, tsp=NOON), b"oops", claim(3, patient=5000, tsp=NOON)
    )
    stage(database, "claim", claim(2, patient=2, price=20, tsp=NOON + WINDOW))
    stage(database, "diagnose", diagnose(1, tsp=NOON), diagnose(2, patient=6000))
    merge(database)
    execute(database, "INSERT INTO patient VALUES (5000, 'A', 'B', '1980-01-01')")
    replay(database)
    merge(database)
    stage_and_merge(database, "claim", claim(2, patient=2, price=21), claim(4, tsp=NOON))
    # Rejected as of an unknown patient, who comes later: the record stands.
    execute(database, "INSERT INTO patient VALUES (6000, 'C', 'D', '1980-01-01')")
    compute_and_publish(database, datetime.now(UTC))
    assert broken_promises(database) == []
    return database


@pytest.mark.parametrize("batch_size", [1, 2, 7, 1000])
def test_it_comes_to_the_live_layer_at_any_batch_size(office: Database, batch_size: int) -> None:
    before = layer(office)
    stage(office, "claim", claim(9))
    found = compare(office, batch_size)
    assert (found.differences, found.outcomes, found.is_applied) == ([], 10, False)
    rebuilt = layer(office, REBUILT)
    assert rebuilt == {name: before[name] for name in REBUILT}
    assert layer(office) == before
    assert fates(office)[-1] == "pending"


def test_it_says_how_far_it_has_come(office: Database) -> None:
    told: list[tuple[int, int]] = []
    rebuild(office, batch_size=3, is_applied=False, on_progress=lambda *work: told.append(work))
    assert sum(done for done, _ in told) == 10
    assert {total for _, total in told} == {10}


# What is done to the data, what is found, and the windows to be computed again.
DAMAGES: list[tuple[str, str, set[tuple[str, str, int]], list[datetime]]] = [
    ("a deleted claim", "DELETE FROM claim WHERE id = 1", {("claim", "missing", 1)}, [NOON]),
    (
        "a changed price",
        "UPDATE claim SET price = 12 WHERE id = 2",
        {("claim", "changed", 1)},
        [NOON + WINDOW],
    ),
    (
        "a changed time",
        "UPDATE claim SET tsp = '2026-05-04 13:00Z' WHERE id = 2",
        {("claim", "changed", 1)},
        [NOON + WINDOW, NOON + 6 * WINDOW],
    ),
    (
        "claims nobody merged",
        "INSERT INTO claim VALUES (8, 'A', 1, 1, '2026-05-04 13:00Z')",
        {("claim", "surplus", 1)},
        [NOON + 6 * WINDOW],
    ),
    ("a deleted diagnosis", "DELETE FROM diagnose", {("diagnose", "missing", 1)}, [NOON]),
    (
        "a changed diagnosis",
        "UPDATE diagnose SET patient_id = 2, icd10_code = 'J44.9'",
        {("diagnose", "changed", 1)},
        [NOON, NOON + WINDOW],
    ),
    (
        "a diagnosis nobody made",
        "INSERT INTO diagnose VALUES (9, 'R41.3', 2, '2020-05-04')",
        {("diagnose", "surplus", 1)},
        [NOON + WINDOW],
    ),
    (
        "a diagnosis of a code that nobody tracks",
        "INSERT INTO diagnose VALUES (9, 'Z00', 2, '2020-05-04')",
        {("diagnose", "surplus", 1)},
        [],
    ),
    (
        "another fate",
        "UPDATE staging.outcome SET fate = 'duplicate' WHERE fate = 'conflict'",
        {("outcome", "changed", 2)},
        [],
    ),
    (
        "another reason and another id",
        """
        UPDATE staging.outcome SET reason = 'bad_id' WHERE reason = 'not_json';
        UPDATE staging.outcome SET entity_id = 77 WHERE reason = 'unknown_patient'
        """,
        {("outcome", "changed", 2)},
        [],
    ),
    (
        "removed outcomes",
        "DELETE FROM staging.outcome WHERE entity_id IN (1, 4)",
        {("outcome", "missing", 5)},
        [],
    ),
    (
        "outcomes and their clean rows removed",
        "DELETE FROM staging.outcome WHERE entity_id = 4; DELETE FROM claim WHERE id = 4",
        {("outcome", "missing", 1), ("claim", "missing", 1)},
        [NOON],
    ),
    (
        "changed counts",
        """
        UPDATE staging.merge_cursor SET rejected = 0, merged = 8;
        UPDATE staging.merge_run SET merged = 0, conflict = 7 WHERE run_id = 1
        """,
        {("batch", "changed", 1), ("cursor", "changed", 2)},
        [],
    ),
]


@pytest.mark.parametrize(
    ("damage", "differences", "windows"),
    [each[1:] for each in DAMAGES],
    ids=[each[0] for each in DAMAGES],
)
@pytest.mark.parametrize("batch_size", [1, 1000])
def test_each_damage_is_found_and_mended(
    office: Database,
    damage: str,
    differences: set[tuple[str, str, int]],
    windows: list[datetime],
    batch_size: int,
) -> None:
    before = layer(office)
    execute(office, damage)
    damaged = layer(office)
    assert kinds(compare(office, batch_size)) == differences
    assert layer(office) == damaged

    found = repair(office, batch_size)
    assert (kinds(found), found.is_applied) == (differences, True)
    assert layer(office) == before
    assert dirty_windows(office) == windows
    assert found.marked_windows == len(windows)
    assert repair(office, batch_size).differences == []
    compute_and_publish(office, datetime.now(UTC))
    assert broken_promises(office) == []


def test_a_doubled_outcome_is_one_again(office: Database) -> None:
    before = layer(office)
    execute(
        office,
        """
        ALTER TABLE staging.outcome DROP CONSTRAINT outcome_pkey;
        INSERT INTO staging.outcome SELECT * FROM staging.outcome WHERE fate = 'rejected';
        INSERT INTO staging.outcome
        SELECT seq, stream, entity_id, 'duplicate', NULL, (SELECT max(run_id) FROM staging.outcome),
            received_at
        FROM staging.outcome WHERE fate = 'merged' AND entity_id = 2
        """,
    )
    assert kinds(compare(office, 1)) == {("outcome", "doubled", 3)}
    repair(office, 1)
    assert layer(office) == before
    execute(office, "ALTER TABLE staging.outcome ADD PRIMARY KEY (seq, received_at)")
    assert broken_promises(office) == []


def test_what_the_next_merge_made_of_a_removed_outcome_is_put_right(office: Database) -> None:
    execute(office, "DELETE FROM staging.outcome WHERE stream = 'claim' AND entity_id = 4")
    merge(office)
    assert fates(office)[-1] == "duplicate"
    assert kinds(repair(office)) == {
        ("outcome", "changed", 1),
        ("batch", "changed", 2),
        ("cursor", "changed", 1),
    }
    assert fates(office)[-1] == "merged"
    assert compare(office).differences == []
    compute_and_publish(office, datetime.now(UTC))
    assert broken_promises(office) == []


def test_a_row_that_is_late_takes_no_removed_outcomes_place(office: Database) -> None:
    before = layer(office)
    execute(office, "DELETE FROM staging.outcome WHERE stream = 'claim' AND entity_id = 2")
    stage(office, "claim", claim(2, price=99), claim(50))
    assert {("outcome", "missing", 2)} == kinds(repair(office))
    assert layer(office) == before
    assert fates(office)[-2:] == ["pending", "pending"]


def test_without_its_raw_rows_nothing_is_repaired(office: Database) -> None:
    execute(office, "DELETE FROM staging.event WHERE payload LIKE '%\"id\": 2,%'")
    damaged = layer(office)
    assert ("claim", "surplus", 1) in kinds(compare(office))
    with pytest.raises(OfficeError, match=r"3 outcomes are gone.*nothing was changed"):
        repair(office)
    assert layer(office) == damaged


def test_a_lost_connection_is_said(office: Database) -> None:
    def lose(_done: int, _total: int) -> None:
        office.close()

    before = layer(office)
    with pytest.raises(OfficeError, match="run rebuild again"):
        rebuild(office, batch_size=1, is_applied=True, on_progress=lose)
    assert layer(office) == before


def test_what_is_merged_and_replayed_meanwhile_is_taken_in(office: Database) -> None:
    other = Database(office.dsn)
    turns = iter(range(100))

    def meanwhile(_done: int, _total: int) -> None:
        turn = next(turns)
        stage_and_merge(other, "claim", claim(100 + turn), claim(4, price=turn), b"oops")
        replay(other)
        if turn % 2:
            merge(other)

    found = rebuild(office, batch_size=2, is_applied=False, on_progress=meanwhile)
    assert found.differences == []
    merge(office)
    assert rows(office, "SELECT count(*) > 105 FROM claim") == [(False,)]
    assert compare(office).differences == []
    other.close()


# While everything works.


@contextmanager
def working(database: Database) -> Iterator[list[BaseException]]:
    """Writers, mergers and a replayer at work for the length of the context; their failures."""
    over = threading.Event()
    failures: list[BaseException] = []

    def keep(work: Callable[[Database, int], object], seconds: float) -> None:
        own = Database(database.dsn)
        number = 0
        try:
            while not over.wait(seconds):
                number += 1
                work(own, number)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        own.close()

    def write(own: Database, number: int) -> None:
        patient = 7000 if number % 7 == 0 else number % 30 + 1
        tsp = NOON + timedelta(minutes=number % 100)
        stage(own, "claim", claim(number % 300, patient=patient, price=number % 3, tsp=tsp), b"")
        stage(own, "diagnose", diagnose(number % 100, patient=number % 30 + 1, tsp=tsp))

    threads = [
        threading.Thread(target=keep, args=each)
        for each in (
            (write, 0.05),
            (write, 0.05),
            (lambda own, _: list(merge_pending(own, batch_size=20)), 0.05),
            (lambda own, _: list(merge_pending(own, batch_size=7)), 0.05),
            (lambda own, _: replay(own), 0.3),
        )
    ]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_it_finds_nothing_while_everything_works(office: Database) -> None:
    own = Database(office.dsn)
    with working(office) as failures:
        found = [compare(own, batch_size) for batch_size in (7, 50, 1000) * 2]
    assert failures == []
    assert [each.differences for each in found] == [[]] * 6
    assert found[-1].outcomes > found[0].outcomes
    own.close()


def test_it_repairs_while_everything_works(office: Database) -> None:
    own = Database(office.dsn)
    with working(office) as failures:
        while rows(own, "SELECT count(*) < 40 FROM claim") == [(True,)]:
            time.sleep(0.1)
        for turn in range(3):
            execute(
                own,
                f"""
                DELETE FROM claim WHERE id % 7 = {turn};
                UPDATE claim SET price = price + 1 WHERE id % 7 = {turn + 1};
                DELETE FROM diagnose WHERE id % 7 = {turn};
                UPDATE diagnose SET icd10_code = 'J44.9' WHERE id % 7 = {turn + 1};
                INSERT INTO claim SELECT 10000 + {turn}, 'A', 1, 1, now();
                INSERT INTO diagnose SELECT 10000 + {turn}, 'R41.3', 1, now();
                DELETE FROM staging.outcome WHERE seq % 11 = {turn};
                UPDATE staging.outcome SET fate = 'conflict'
                WHERE fate = 'duplicate' AND seq % 7 = 1
                """,
            )
            assert len(repair(own, (7, 50, 1000)[turn]).differences) > 3
            assert compare(own).differences == []
    assert failures == []
    merge(own)
    assert compare(own).differences == []
    compute_and_publish(own, datetime.now(UTC))
    assert broken_promises(own) == []
    own.close()


def test_two_repairs_at_once_do_it_once(office: Database) -> None:
    before = layer(office)
    execute(office, "DELETE FROM claim; DELETE FROM staging.outcome WHERE run_id = 1")
    found: list[Rebuild | BaseException] = []

    def work() -> None:
        own = Database(office.dsn)
        try:
            found.append(repair(own, 1))
        except BaseException as error:  # noqa: BLE001
            found.append(error)
        own.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(each, Rebuild) for each in found), found
    done = [kinds(each) for each in found if isinstance(each, Rebuild)]
    assert sorted(map(len, done)) == [0, 0, 2]
    assert layer(office) == before
