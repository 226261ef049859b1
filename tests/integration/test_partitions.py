"""The tables by day: partitions made ahead, an office of before taken in, and many days at once."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from integration.events import claim, fates, merge, rows, stage_and_merge
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.schema.migrate import apply_schema
from pipeline.schema.partitions import make_partitions

SHORTLY = timedelta(minutes=1)
DAYS = """
    SELECT table_name, partition_name, begins_at FROM staging.day_partition
    WHERE NOT is_default ORDER BY table_name, begins_at
    """
WHERE = "SELECT tableoid::regclass::text FROM staging.event ORDER BY seq"
WHERE_OUTCOME = "SELECT tableoid::regclass::text FROM staging.outcome ORDER BY seq"

KEPT = (
    "SELECT xid, seq, stream, payload, payload_bytes, received_at FROM staging.event ORDER BY seq",
    "SELECT seq, stream, entity_id, fate, reason, run_id FROM staging.outcome ORDER BY seq",
)


@pytest.fixture
def database(given_database_url: str) -> Iterator[Database]:
    """A database set up by the test itself: its partitions are of today, also after midnight.

    A test that would begin shortly before midnight waits for the next day.
    """
    left = today() + timedelta(days=1) - datetime.now(UTC)
    if left < SHORTLY:
        time.sleep(left.total_seconds())
    with closing(Database(given_database_url)) as opened:
        apply_schema(opened)
        yield opened


def today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def change(database: Database, statements: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statements)


def broken(database: Database) -> list[str]:
    return [each.name for each in database.run(verify, snapshot=True) if not each.holds]


def name(table: str, days: int = 0) -> str:
    return f"{table}_{today() + timedelta(days=days):%Y%m%d}"


def test_the_days_from_yesterday_to_a_week_ahead_are_there(database: Database) -> None:
    assert rows(database, DAYS) == [
        (table, name(table, day), today() + timedelta(days=day))
        for table in ("event", "outcome")
        for day in range(-1, 8)
    ]
    assert make_partitions(database) == 0


def test_a_raw_row_and_its_outcome_are_of_the_same_day(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1))
    change(
        database,
        """
        INSERT INTO staging.event (stream, payload, received_at) VALUES
        ('claim', '{}', NULL), ('claim', '{}', '-infinity'), ('claim', '{}', 'infinity'),
        ('claim', '{}', '2020-01-01'), ('claim', '{}', now() - interval '1 day')
        """,
    )
    merge(database)
    merge(database)
    assert [table.removeprefix("staging.") for (table,) in rows(database, WHERE)] == [
        name("event"),
        *4 * ["event_default"],
        name("event", -1),
    ]
    assert [table.removeprefix("staging.") for (table,) in rows(database, WHERE_OUTCOME)] == [
        name("outcome"),
        *4 * ["outcome_default"],
        name("outcome", -1),
    ]
    assert fates(database) == ["merged", *5 * ["rejected"]]
    assert broken(database) == []


def test_a_day_that_comes_late_takes_its_rows_over(database: Database) -> None:
    for table in ("event", "outcome"):
        change(database, f"DROP TABLE staging.{name(table)}")
    stage_and_merge(database, "claim", claim(1), b"oops")
    before = [rows(database, query) for query in KEPT]
    assert {table for (table,) in rows(database, WHERE)} == {"staging.event_default"}
    assert make_partitions(database) == 2
    assert {table for (table,) in rows(database, WHERE)} == {f"staging.{name('event')}"}
    assert {table for (table,) in rows(database, WHERE_OUTCOME)} == {f"staging.{name('outcome')}"}
    assert [rows(database, query) for query in KEPT] == before
    assert broken(database) == []


def test_whoever_appends_is_not_held_up_and_a_reader_holds_nobody_up(database: Database) -> None:
    change(database, f"DROP TABLE staging.{name('event', 7)}")
    with closing(Database(database.dsn)) as other:
        with other.transaction() as cursor:
            cursor.execute("SELECT count(*) FROM staging.event")
            assert make_partitions(database) == 0
        with other.transaction() as cursor:
            cursor.execute("INSERT INTO staging.event (stream, payload) VALUES ('claim', '')")
            assert make_partitions(database) == 1


def test_partitions_are_vacuumed_as_they_are_filled(database: Database) -> None:
    [(options,)] = rows(
        database, f"SELECT reloptions FROM pg_class WHERE relname = '{name('event')}'"
    )
    assert "autovacuum_freeze_min_age=0" in options


def test_hundreds_of_days_are_read_in_one_statement(database: Database) -> None:
    change(
        database,
        "SELECT staging.make_partitions(current_date - 300, current_date - 2)",
    )
    assert len(rows(database, DAYS)) == 2 * 308
    stage_and_merge(database, "claim", claim(1))
    assert rows(database, "SELECT received, balanced FROM audit.reconciliation")[0] == (1, True)
    locks = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM staging.event JOIN staging.outcome USING (seq)")
        cursor.execute(locks)
        [(taken,)] = cursor.fetchall()
        cursor.execute("SELECT current_setting('max_locks_per_transaction')::int")
        [(a_session,)] = cursor.fetchall()
        cursor.execute("SELECT current_setting('max_connections')::int")
        [(sessions,)] = cursor.fetchall()
    # Of a thousand days, read by four sessions at once.
    assert 4 * taken / 308 * 1000 < a_session * sessions
