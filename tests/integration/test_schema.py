import threading

import psycopg2
import pytest

from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.statements import statements_in
from pipeline.schema.migrate import apply_schema


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


def test_every_file_can_be_applied_to_a_database_that_has_them_all(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM schema_version")
    apply_schema(database)
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM schema_version")
        assert cursor.fetchone() == (len(statements_in("schema")),)


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
