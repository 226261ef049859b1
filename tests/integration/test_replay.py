"""Rejected raw rows are put back to pending, and merged again."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

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
    wait_until_blocked_or_over,
)
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.merge.merge import Look, merge_batch, merge_pending
from pipeline.merge.replay import Replayed, replay
from pipeline.operations.status import read_status

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
LATER = NOON + 12 * WINDOW


def add_patient(database: Database, number: int) -> None:
    with database.transaction() as cursor:
        cursor.execute("INSERT INTO patient VALUES (%s, 'A', 'B', '1980-01-01')", (number,))


def broken_promises(database: Database) -> list[str]:
    return [promise.name for promise in database.run(verify, snapshot=True) if not promise.holds]


def test_a_missing_patients_rows_and_no_others_are_merged_into_their_late_windows(
    database: Database,
) -> None:
    stage(database, "claim", claim(1, tsp=NOON), claim(2, patient=5000, price=7, tsp=NOON))
    stage(database, "claim", claim(3, patient=6000, tsp=NOON), b"oops")
    stage(database, "claim", claim(4, patient=5000, price=9, tsp=NOON + WINDOW))
    stage(database, "diagnose", diagnose(1, tsp=NOON), diagnose(2, patient=5000, tsp=NOON))
    merge(database)
    assert compute_and_publish(database, LATER) == [NOON]
    assert revenue(database)["12:00", "Amnesia"] == ("10.00", 1, 1)
    before = rows(database, "SELECT seq, fate, run_id FROM staging.outcome WHERE reason IS NULL")

    add_patient(database, 5000)
    replayed = replay(database, reason="unknown_patient")
    assert replayed == [
        Replayed("claim", "unknown_patient", 3),
        Replayed("diagnose", "unknown_patient", 1),
    ]
    assert fates(database) == ["merged", "pending", "pending", "rejected", "pending"]
    assert broken_promises(database) == []
    assert [stream.pending for stream in database.run(read_status).streams] == [3, 1]

    merge(database)
    assert fates(database) == ["merged", "merged", "rejected", "rejected", "merged"]
    assert fates(database, "diagnose") == ["merged", "merged"]
    assert set(before) < set(rows(database, "SELECT seq, fate, run_id FROM staging.outcome"))
    assert rows(database, "SELECT id FROM claim ORDER BY id") == [(1,), (2,), (4,)]
    assert broken_promises(database) == []
    assert compute_and_publish(database, LATER) == [NOON, NOON + WINDOW]
    assert revenue(database)["12:00", "Amnesia"] == ("17.00", 2, 2)
    assert revenue(database)["12:10", "Amnesia"] == ("9.00", 1, 1)
    assert broken_promises(database) == []


def test_the_ordinary_merge_finds_what_was_put_back(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, patient=5000), claim(2))
    stage_and_merge(database, "claim", claim(3))
    list(merge_pending(database, batch_size=1, sweep=None))
    add_patient(database, 5000)
    replay(database)
    list(merge_pending(database, batch_size=1, sweep=None))
    assert fates(database) == ["merged", "merged", "merged"]


def test_the_next_merge_finds_what_was_put_back_after_the_first(database: Database) -> None:
    stage(database, "claim", claim(1, patient=5000), claim(2))
    list(merge_pending(database, batch_size=10, sweep=None))
    add_patient(database, 5000)
    replay(database)
    assert [stream.pending for stream in database.run(read_status).streams] == [1, 0]
    list(merge_pending(database, batch_size=10, sweep=None))
    assert fates(database) == ["merged", "merged"]


def test_a_row_can_be_replayed_again_and_again(database: Database) -> None:
    stage_and_merge(database, "claim", b"oops", claim(1, patient=5000))
    for times in (1, 2, 3):
        assert len(replay(database)) == 2
        assert replay(database) == []
        merge(database)
        assert fates(database) == ["rejected", "rejected"]
        history = "SELECT seq, fate, count(DISTINCT run_id) FROM staging.outcome_history"
        found = rows(database, f"{history} GROUP BY seq, fate ORDER BY seq")
        assert found == [(1, "rejected", times), (2, "rejected", times)]
        assert broken_promises(database) == []
    totals = rows(database, "SELECT rejected FROM staging.merge_cursor WHERE stream = 'claim'")
    assert totals == [(2,)]


def test_a_replay_waits_for_the_merge_under_way(database: Database) -> None:
    stage(database, "claim", b"oops")
    found: list[Replayed] = []
    own = Database(database.dsn)
    replayer = threading.Thread(target=lambda: found.extend(replay(own)))
    watcher = Database(database.dsn)
    with database.transaction() as cursor:
        cursor.execute("SELECT * FROM staging.merge_cursor WHERE stream = 'claim' FOR UPDATE")
        replayer.start()
        wait_until_blocked_or_over(watcher, replayer)
        assert replayer.is_alive()
        merge_batch(cursor, "claim", batch_size=10, looks=(Look.AHEAD,))
    replayer.join()
    assert found == [Replayed("claim", "not_json", 1)]
    assert fates(database) == ["pending"]
    watcher.close()
    own.close()


def test_replays_mergers_and_writers_at_once_never_double_and_never_lose(
    database: Database,
) -> None:
    failures: list[BaseException] = []

    def often(times: int, work: Callable[[Database, int], object]) -> None:
        own = Database(database.dsn)
        try:
            for number in range(times):
                work(own, number)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        own.close()

    def write(own: Database, number: int) -> None:
        patient = 5000 if number % 3 else 1
        stage(own, "claim", claim(number % 40, patient=patient), b"oops")
        stage(own, "diagnose", diagnose(number % 40, patient=patient))

    work: list[tuple[int, Callable[[Database, int], object]]] = [
        (60, write),
        (60, write),
        (30, lambda own, _: list(merge_pending(own, batch_size=7))),
        (30, lambda own, _: list(merge_pending(own, batch_size=7))),
        (30, lambda own, _: replay(own)),
        (30, lambda own, _: replay(own, reason="unknown_patient")),
    ]
    threads = [threading.Thread(target=often, args=each) for each in work]
    for thread in threads:
        thread.start()
    add_patient(database, 5000)
    for thread in threads:
        thread.join()
    replay(database)
    merge(database)
    assert failures == []
    assert broken_promises(database) == []
    counts = "SELECT received, rejected, pending FROM audit.reconciliation"
    assert rows(database, counts) == [(240, 120, 0), (120, 0, 0)]
    cursor = "SELECT merged + duplicate + conflict, rejected FROM staging.merge_cursor"
    assert rows(database, f"{cursor} ORDER BY stream") == [(120, 120), (120, 0)]
