"""Rows whose patient was unknown are merged by themselves when the patient comes."""

from datetime import UTC, datetime, timedelta

import pytest

from integration.counting import Counting
from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    fates,
    merge,
    revenue,
    rows,
    stage,
    stage_and_merge,
)
from integration.faulty_rows import TRIGGER, plant
from pipeline.audit.rebuild import rebuild
from pipeline.audit.verify import verify
from pipeline.core import database as database_module
from pipeline.core.database import Database
from pipeline.merge import merge as merge_module
from pipeline.merge.merge import Look, merge_pending, merge_stream
from pipeline.merge.replay import replay
from pipeline.operations.status import read_status

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
LATER = NOON + 12 * WINDOW
UNKNOWN = 5000
# More than a merge reads that has nothing to do.
FEW_PAGES = 400


def merge_by_cursor(database: Database, batch_size: int = 1000) -> None:
    list(merge_pending(database, batch_size=batch_size, sweep=None))


def come(database: Database, *patients: int) -> None:
    """The patients are added to the table, by whoever keeps it."""
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO patient SELECT unnest(%s), 'A', 'B', '1980-01-01'", (list(patients),)
        )


def awaited(database: Database) -> list[tuple[str, int, int]]:
    return rows(
        database, "SELECT stream, patient_id, seq FROM staging.awaited_patient ORDER BY seq"
    )


def assert_sound(database: Database) -> None:
    promises = database.run(verify, snapshot=True)
    assert [promise.text for promise in promises if not promise.holds] == []
    assert rebuild(database, batch_size=100, is_applied=False).differences == []


def test_their_rows_and_no_others_are_merged_into_their_late_windows(database: Database) -> None:
    stage(database, "claim", claim(1, tsp=NOON), claim(2, patient=UNKNOWN, price=7, tsp=NOON))
    stage(database, "claim", claim(3, patient=6000, tsp=NOON), b"oops")
    stage(database, "claim", claim(4, patient=UNKNOWN, price=9, tsp=NOON + WINDOW))
    stage(database, "diagnose", diagnose(1, tsp=NOON), diagnose(2, patient=UNKNOWN, tsp=NOON))
    merge_by_cursor(database)
    assert compute_and_publish(database, LATER) == [NOON]
    merge_by_cursor(database)
    assert fates(database) == ["merged", "rejected", "rejected", "rejected", "rejected"]

    come(database, UNKNOWN)
    merge_by_cursor(database)
    assert fates(database) == ["merged", "merged", "rejected", "rejected", "merged"]
    assert fates(database, "diagnose") == ["merged", "merged"]
    assert awaited(database) == [("claim", 6000, 3)]
    assert compute_and_publish(database, LATER) == [NOON, NOON + WINDOW]
    assert revenue(database)["12:00", "Amnesia"] == ("17.00", 2, 2)
    assert revenue(database)["12:10", "Amnesia"] == ("9.00", 1, 1)
    history = "SELECT seq, fate, reason FROM staging.outcome_history ORDER BY seq"
    assert rows(database, history) == [(seq, "rejected", "unknown_patient") for seq in (2, 5, 7)]
    status = {each.stream: each for each in database.run(read_status).streams}
    assert (status["claim"].rejected, status["claim"].pending) == (2, 0)
    assert_sound(database)


def test_the_first_row_that_is_merged_still_wins(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, patient=UNKNOWN, price=5))
    stage_and_merge(database, "claim", claim(1, patient=1, price=6))
    come(database, UNKNOWN)
    merge_by_cursor(database)
    assert fates(database) == ["conflict", "merged"]
    assert_sound(database)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_a_patient_with_more_rows_than_a_batch(database: Database, batch_size: int) -> None:
    stage(database, "claim", *(claim(number % 7, patient=UNKNOWN) for number in range(10)))
    merge_by_cursor(database)
    come(database, UNKNOWN)
    merge_by_cursor(database, batch_size)
    assert fates(database) == ["merged"] * 7 + ["duplicate"] * 3
    assert awaited(database) == []
    assert_sound(database)


def test_patients_are_looked_for_in_turn(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_module, "PATIENTS_AT_ONCE", 3)
    unknown = range(UNKNOWN, UNKNOWN + 10)
    stage(database, "claim", *(claim(number, patient=number) for number in unknown))
    merge_by_cursor(database)
    merge_by_cursor(database)
    come(database, UNKNOWN, UNKNOWN + 9)
    taken = []
    for _ in range(5):
        merge_by_cursor(database)
        taken.append(fates(database).count("merged"))
    assert taken == sorted(taken)
    assert taken[0] < taken[-1] == 2
    come(database, UNKNOWN + 5)
    merge(database)
    assert fates(database).count("merged") == 3


def test_looking_costs_the_same_however_many_rows_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_module, "PATIENTS_AT_ONCE", 20)
    with database.transaction() as cursor:
        cursor.execute("""
            INSERT INTO staging.event (stream, payload)
            SELECT 'claim', format('{"id": %s, "patient_id": %s, "code": "A", "price": 1}',
                number, 5000 + number % 5000)
            FROM generate_series(1, 20000) AS number
            """)
    merge_by_cursor(database, 100_000)
    merge_by_cursor(database)
    Counting.pages = 0
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "WatchedNamedTupleCursor", Counting)
        list(merge_stream(database, "claim", batch_size=1000, sweep=None))
    assert Counting.pages < FEW_PAGES


def test_a_replay_by_hand_does_the_same(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, patient=UNKNOWN), claim(2, patient=6000))
    come(database, UNKNOWN)
    replay(database, reason="unknown_patient")
    merge(database)
    merge(database)
    assert fates(database) == ["merged", "rejected"]
    assert awaited(database) == [("claim", 6000, 2)]
    history = "SELECT count(*) FROM staging.outcome_history"
    assert rows(database, history) == [(2,)]
    assert_sound(database)


def test_a_rebuild_waits_for_the_patients_again(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, patient=UNKNOWN), claim(2))
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM staging.awaited_patient; DELETE FROM claim")
    assert rebuild(database, batch_size=100, is_applied=True).differences
    come(database, UNKNOWN)
    merge_by_cursor(database)
    assert fates(database) == ["merged", "merged"]
    assert_sound(database)


def test_a_row_that_is_gone_is_not_waited_for(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, patient=UNKNOWN), claim(2))
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM staging.event WHERE seq = 1")
    come(database, UNKNOWN)
    merge(database)
    assert awaited(database) == []
    outcomes = "SELECT seq, fate FROM staging.outcome ORDER BY seq"
    assert rows(database, outcomes) == [(1, "rejected"), (2, "merged")]


def test_one_that_can_not_be_processed_is_rejected_alone(database: Database) -> None:
    plant(database, TRIGGER)
    codes = ["A", "A", "22012", "A"]
    stage(database, "claim", *(claim(n, patient=UNKNOWN, code=c) for n, c in enumerate(codes)))
    merge_by_cursor(database)
    come(database, UNKNOWN)
    merge_by_cursor(database)
    assert fates(database) == ["merged", "merged", "rejected", "merged"]
    reasons = "SELECT reason FROM staging.outcome WHERE fate = 'rejected'"
    assert rows(database, reasons) == [("unprocessable",)]
    assert_sound(database)


@pytest.mark.parametrize("sweep", [None, Look.RECENT, Look.ALL])
def test_what_was_put_back_is_no_find_of_a_sweep(database: Database, sweep: Look | None) -> None:
    stage_and_merge(database, "claim", claim(1, patient=UNKNOWN), claim(2))
    merge(database)
    come(database, UNKNOWN)
    [batch] = merge_pending(database, batch_size=10, sweep=sweep)
    assert (batch.merged, batch.found_by_sweep) == (1, False)


@pytest.mark.parametrize("role", ["merge", "analytics"])
def test_the_roles_that_merge_may(database: Database, role: str) -> None:
    stage_and_merge(database, "claim", claim(1, patient=UNKNOWN))
    come(database, UNKNOWN)
    with database.transaction() as cursor:
        cursor.execute(f"SET LOCAL SESSION AUTHORIZATION office_{role}")
        for look in (Look.BEHIND, Look.AWAITED, Look.AHEAD, Look.RECENT, Look.ALL):
            merge_module.merge_batch(cursor, "claim", batch_size=10, looks=(look,))
    assert fates(database) == ["merged"]
