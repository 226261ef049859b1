import threading
from contextlib import ExitStack, closing
from io import BytesIO

import psycopg2
import pytest

from integration.events import (
    claim,
    diagnose,
    fates,
    merge,
    pass_over,
    rows,
    stage,
    stage_and_merge,
    wait_until_blocked_or_over,
)
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.core.statements import Cursor, fetch_one
from pipeline.merge.merge import Look, merge_batch, merge_pending
from pipeline.staging.append import append, load_lines


def broken_promises(database: Database) -> list[str]:
    promises = database.run(verify, snapshot=True)
    return [promise.text for promise in promises if not promise.holds]


def clean_rows(database: Database) -> list[tuple[object, ...]]:
    return rows(database, "SELECT xmin::text, * FROM claim ORDER BY id")


def merge_by_cursor(database: Database, batch_size: int = 1000) -> None:
    list(merge_pending(database, batch_size=batch_size, sweep=None))


def test_the_first_row_of_an_id_stays(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, price=5), claim(1, price=6), claim(1, price=5))
    stage_and_merge(database, "claim", claim(1, price=6), claim(1, price=5.0))
    assert fates(database) == ["merged", "conflict", "duplicate", "conflict", "duplicate"]
    assert rows(database, "SELECT price::text FROM claim") == [("5.00",)]


def test_merging_again_changes_no_clean_row(database: Database) -> None:
    events = [claim(number, patient=number) for number in range(1, 50)]
    stage_and_merge(database, "claim", *events)
    before = clean_rows(database)
    stage_and_merge(database, "claim", *events)
    assert clean_rows(database) == before
    assert fates(database)[49:] == ["duplicate"] * 49


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_every_batch_size_gives_the_same(database: Database, batch_size: int) -> None:
    for number in range(30):
        stage(database, "claim", claim(number % 10, price=number // 20))
    list(merge_pending(database, batch_size=batch_size))
    assert fates(database) == ["merged"] * 10 + ["duplicate"] * 10 + ["conflict"] * 10


@pytest.mark.parametrize("sweep", [None, Look.ALL])
def test_a_merge_ends_although_a_writer_goes_on(database: Database, sweep: Look | None) -> None:
    stage(database, "claim", claim(0))
    for number, _ in enumerate(merge_pending(database, batch_size=1000, sweep=sweep)):
        assert number < 5
        stage(database, "claim", claim(number + 1))
    assert "merged" in fates(database)


def test_a_transaction_that_commits_late_is_not_passed_over(
    database: Database, database_url: str
) -> None:
    late = Database(database_url)
    with late.transaction() as cursor:
        append(cursor, "claim", [claim(1)])
        stage_and_merge(database, "claim", claim(2))
    merge(database)
    assert fates(database) == ["merged", "merged"]
    late.close()


@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_the_cursor_alone_comes_back_for_what_commits_late(
    database: Database, database_url: str, batch_size: int
) -> None:
    """Three writers take their numbers in turn, and commit in another order."""
    writers = [Database(database_url) for _ in range(3)]
    with ExitStack() as first, ExitStack() as second, ExitStack() as third:
        ends = (first, second, third)
        cursors = [
            end.enter_context(writer.transaction())
            for end, writer in zip(ends, writers, strict=True)
        ]
        for number in range(6):
            append(cursors[number % 3], "claim", [claim(number)])
        for end, merged in ((second, 2), (third, 4), (first, 6)):
            merge_by_cursor(database, batch_size)
            assert fates(database).count("merged") == merged - 2
            end.close()
            merge_by_cursor(database, batch_size)
            assert fates(database) == ["merged"] * merged
            stage_and_merge(database, "diagnose", diagnose(merged))
    for writer in writers:
        writer.close()


def test_the_sweep_finds_a_row_that_the_cursor_has_passed(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1))
    stage(database, "claim", claim(2))
    pass_over(database)
    merge_by_cursor(database)
    assert fates(database) == ["merged", "pending"]
    merge(database)
    assert fates(database) == ["merged", "merged"]


def test_a_cursor_from_another_cluster_starts_over(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1))
    with database.transaction() as cursor:
        cursor.execute("""
            UPDATE staging.merge_cursor
            SET looked_snapshot = '9000000000000:9000000000000:', looked_seq = 0
            """)
        cursor.execute("INSERT INTO staging.look_back VALUES ('claim', '9000000000000', 0, now())")
        cursor.execute("DELETE FROM staging.outcome")
        cursor.execute("DELETE FROM claim")
    stage(database, "claim", claim(2))
    merge_by_cursor(database)
    assert fates(database) == ["merged", "merged"]


def test_a_second_merger_waits_before_it_looks_for_rows(database: Database) -> None:
    """Later it would wait, too, for the keys of the clean rows; then its work would be in vain."""
    stage(database, "claim", claim(1))
    with closing(Database(database.dsn)) as other, database.transaction() as cursor:
        assert merge_batch(cursor, "claim", batch_size=10, looks=(Look.AHEAD,))[0] is not None
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            lock_cursor(other)
    lock_cursor(database)


def lock_cursor(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '100ms'")
        fetch_one(cursor, "merge/lock_cursor", {"stream": "claim"})


def test_a_batch_is_all_or_nothing(database: Database) -> None:
    stage(database, "claim", claim(1), claim(1, price=7))

    def merge_and_fail(cursor: Cursor) -> None:
        merge_batch(cursor, "claim", batch_size=1000, looks=(Look.AHEAD,))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.run(merge_and_fail)
    assert fates(database) == ["pending", "pending"]
    assert rows(database, "SELECT * FROM claim") == []
    assert rows(database, "SELECT * FROM analytics.dirty_window") == []
    merge(database)
    assert fates(database) == ["merged", "conflict"]


def test_rows_of_a_merge_that_meets_a_timeout_stay_pending(database: Database) -> None:
    stage(database, "claim", claim(1))
    other = Database(database.dsn)

    with other.transaction() as cursor:
        cursor.execute("LOCK TABLE claim")
        with pytest.raises(psycopg2.OperationalError), database.transaction() as hurried:
            merge_batch(
                hurried, "claim", batch_size=1000, looks=(Look.AHEAD,), statement_seconds=0.2
            )
    assert fates(database) == ["pending"]
    merge(database)
    assert fates(database) == ["merged"]
    other.close()


def test_a_stream_nobody_merges_is_not_forgotten_in_the_reconciliation(database: Database) -> None:
    stage(database, "invoice", b"{}")
    merge(database)
    found = rows(database, "SELECT stream, received, pending, balanced FROM audit.reconciliation")
    assert ("invoice", 1, 1, True) in found


def test_a_clean_row_inserted_by_hand_meanwhile_wins(database: Database) -> None:
    stage(database, "claim", claim(1, price=5), claim(1, price=7))
    merger = threading.Thread(target=merge, args=(Database(database.dsn),))
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO claim (id, code, price, patient_id, tsp) VALUES (1, '03230', 7, 1, now())"
        )
        watcher = Database(database.dsn)
        merger.start()
        wait_until_blocked_or_over(watcher, merger)
    merger.join()
    assert fates(database) == ["conflict", "duplicate"]
    watcher.close()


# A plan that loops through the batch for each of its rows would not end within the test's time.
def test_a_large_load_into_a_fresh_database(database: Database) -> None:
    claims = [claim(number % 25_000, patient=number % 1000 + 1) for number in range(30_000)]
    diagnoses = [diagnose(number, patient=number % 1000 + 1) for number in range(20_000)]
    assert sum(load_lines(database, "claim", BytesIO(b"\n".join(claims)))) == 30_000
    assert sum(load_lines(database, "diagnose", BytesIO(b"\n".join(diagnoses)))) == 20_000
    list(merge_pending(database, batch_size=100_000))
    counts = "SELECT stream, merged, duplicate, conflict FROM audit.reconciliation"
    assert rows(database, counts) == [("claim", 25_000, 5_000, 0), ("diagnose", 20_000, 0, 0)]
    assert broken_promises(database) == []


def test_mergers_and_writers_at_once_never_double_and_never_lose(database: Database) -> None:
    failures: list[BaseException] = []

    def write(first: int) -> None:
        own = Database(database.dsn)
        for number in range(first, first + 60):
            stage(own, "claim", claim(number % 80, price=number % 3))
            stage(own, "diagnose", diagnose(number % 80))
        own.close()

    def merge_often() -> None:
        own = Database(database.dsn)
        try:
            for _ in range(25):
                list(merge_pending(own, batch_size=7))
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        own.close()

    threads = [threading.Thread(target=write, args=(n * 40,)) for n in range(3)]
    threads += [threading.Thread(target=merge_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    merge(database)
    assert failures == []
    assert broken_promises(database) == []
    assert rows(database, "SELECT received, pending FROM audit.reconciliation") == [(180, 0)] * 2
    assert rows(database, "SELECT count(*), min(id), max(id) FROM claim") == [(80, 0, 79)]
