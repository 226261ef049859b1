import threading
from contextlib import closing

import psycopg2
import psycopg2.errors
import pytest

from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.logs import LogfmtFormatter
from pipeline.core.statements import statements_in
from pipeline.schema.given import find_differences
from pipeline.schema.migrate import (
    BASELINE,
    MIGRATIONS,
    REPEATABLE,
    apply_schema,
    warn_of_shortcomings,
)


def _commentless(database: Database) -> list[tuple[str, ...]]:
    """Tables, views and their columns without a comment."""
    with database.transaction() as cursor:
        cursor.execute("""
            SELECT c.oid::regclass::text, coalesce(a.attname, '')
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            LEFT JOIN pg_attribute AS a
              ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE n.nspname IN ('public', 'staging', 'analytics', 'audit')
              AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
              AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
            """)
        return [tuple(row) for row in cursor.fetchall()]


def test_every_table_view_and_column_has_a_comment(database: Database) -> None:
    assert _commentless(database) == []


def test_two_processes_apply_the_schema_at_once(given_database_url: str) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def apply() -> None:
        database = Database(given_database_url)
        start.wait()
        try:
            apply_schema(database)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        database.close()

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_applying_again_takes_no_lock_that_a_reader_would_wait_for(database: Database) -> None:
    reader = Database(database.dsn)
    with reader.transaction() as cursor:
        cursor.execute("SELECT * FROM audit.reconciliation")
        apply_schema(database)
    reader.close()


def change(database: Database, statement: str, *values: object) -> None:
    with database.transaction() as cursor:
        cursor.execute(statement, values or None)


def applied_since(database: Database, moment: object) -> set[str]:
    with database.transaction() as cursor:
        cursor.execute("SELECT name FROM schema_version WHERE applied_at > %s", (moment,))
        return {name for (name,) in cursor.fetchall()}


def now(database: Database) -> object:
    with database.transaction() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [(moment,)] = cursor.fetchall()
        return moment


def test_a_changed_view_is_made_again_and_no_table_is_touched(database: Database) -> None:
    change(database, "UPDATE schema_version SET checksum = '' WHERE name LIKE '%/200_audit'")
    began = now(database)
    apply_schema(database)
    assert applied_since(database, began) == set(statements_in(REPEATABLE))
    began = now(database)
    apply_schema(database)
    assert applied_since(database, began) == set()


def test_a_view_that_is_gone_from_the_project_is_forgotten(database: Database) -> None:
    gone = "schema/repeatable/999_gone"
    change(database, "INSERT INTO schema_version VALUES (%s, 'x', now())", gone)
    apply_schema(database)
    assert gone not in applied_since(database, "-infinity")


@pytest.mark.parametrize("folder", [BASELINE, MIGRATIONS])
def test_an_edited_file_that_was_applied_is_refused(database: Database, folder: str) -> None:
    name = statements_in(folder)[0]
    change(database, "UPDATE schema_version SET checksum = 'edited' WHERE name = %s", name)
    with pytest.raises(OfficeError, match=rf"{name} was edited after it was applied"):
        apply_schema(database)


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    newer = "schema/migrations/999_newer"
    change(database, "INSERT INTO schema_version VALUES (%s, 'x', now())", newer)
    with pytest.raises(OfficeError, match=f"{newer}.*made by a newer version"):
        apply_schema(database)


def test_a_schema_from_before_the_baseline_that_is_unfinished_is_refused(
    database: Database,
) -> None:
    change(database, "DELETE FROM schema_version")
    change(database, "INSERT INTO schema_version VALUES ('schema/010_staging_event', 'x', now())")
    with pytest.raises(OfficeError, match="unfinished schema from before"):
        apply_schema(database)


def test_a_view_of_somebody_else_is_not_dropped(database: Database) -> None:
    change(database, "CREATE VIEW public.mine AS SELECT seq FROM audit.rejected")
    change(database, "UPDATE schema_version SET checksum = '' WHERE name LIKE '%/200_audit'")
    with pytest.raises(psycopg2.errors.DependentObjectsStillExist):
        apply_schema(database)
    change(database, "SELECT * FROM public.mine")


def test_a_database_without_the_given_tables_is_named_as_such(given_database_url: str) -> None:
    connection = psycopg2.connect(given_database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE diagnose")
    connection.close()
    database = Database(given_database_url)
    with pytest.raises(OfficeError, match=r"lacks the table diagnose: run setup/init_db\.sql"):
        apply_schema(database)
    database.close()


OF_NO_USE = """
    ALTER TABLE claim ALTER COLUMN code TYPE char(10);
    ALTER TABLE diagnose ALTER COLUMN tsp TYPE timestamp(0) USING tsp AT TIME ZONE 'UTC'
    """
MENDS = (
    "ALTER TABLE claim ALTER COLUMN code TYPE text USING code::text",
    "ALTER TABLE diagnose ALTER COLUMN tsp TYPE timestamptz USING tsp AT TIME ZONE 'UTC'",
)


def test_given_tables_of_other_types_are_refused_at_first_with_what_mends_them(
    given_database_url: str,
) -> None:
    with closing(Database(given_database_url)) as database:
        change(database, OF_NO_USE)
        with pytest.raises(OfficeError) as refused:
            apply_schema(database)
        assert str(refused.value) == (
            f"claim.code is character(10) and should be text: {MENDS[0]}; diagnose.tsp is "
            f"timestamp(0) without time zone and should be timestamp with time zone: {MENDS[1]}. "
            "Then start again."
        )
        for mend in MENDS:
            change(database, mend)
        apply_schema(database)
        assert database.run(find_differences) == []


def test_a_given_table_that_is_changed_later_is_told_and_can_be_mended(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    change(database, "DROP SCHEMA audit CASCADE")
    change(database, OF_NO_USE)
    apply_schema(database)
    assert [each.mend for each in database.run(find_differences)] == list(MENDS)
    database.run(warn_of_shortcomings)
    told = [LogfmtFormatter().format(record) for record in caplog.records]
    assert [mend for mend in MENDS if any(mend in line for line in told)] == list(MENDS)
    with pytest.raises(psycopg2.errors.FeatureNotSupported):
        change(database, MENDS[0])
    change(database, "DROP SCHEMA IF EXISTS audit, offices CASCADE")
    for mend in MENDS:
        change(database, mend)
    apply_schema(database)
    assert database.run(find_differences) == []
    change(database, "SELECT * FROM audit.reconciliation")


def test_without_a_key_the_schema_is_not_applied(given_database_url: str) -> None:
    with closing(Database(given_database_url)) as database:
        change(database, "ALTER TABLE claim DROP CONSTRAINT claim_pkey")
        with pytest.raises(OfficeError, match=r"claim has no key on id alone: ALTER TABLE claim "):
            apply_schema(database)
        change(database, "ALTER TABLE claim ADD UNIQUE (id)")
        apply_schema(database)
