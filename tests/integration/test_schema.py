import threading

import psycopg2
import psycopg2.errors
import pytest

from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.statements import statements_in
from pipeline.schema.migrate import BASELINE, MIGRATIONS, REPEATABLE, apply_schema


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
