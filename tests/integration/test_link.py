"""A link that is dead although it looks alive is ended; one that is only slow is left alone."""

import gc
import io
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from faults.proxy import Proxy
from pipeline.core.database import Database
from pipeline.core.link import LOOK_SECONDS, PATIENCE_SECONDS
from pipeline.core.statements import statement
from pipeline.staging.append import append

# Longer than it takes to notice a dead link, and to look into a live one several times.
LONG_SECONDS = 60
END_DISTANT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'distant'
    """
SLOW_SECONDS = PATIENCE_SECONDS + 4 * LOOK_SECONDS

pytestmark = pytest.mark.timeout(LONG_SECONDS / 2)


@pytest.fixture
def proxy(shared_database_url: str) -> Iterator[Proxy]:
    made = Proxy(int(parse_dsn(shared_database_url)["port"]))
    yield made
    made.close()


@pytest.fixture
def distant(shared_database_url: str, proxy: Proxy) -> Iterator[Database]:
    """The database behind the proxy."""
    dsn = make_dsn(shared_database_url, port=proxy.port)
    with closing(Database(dsn, name="distant")) as database:
        yield database


def execute(database: Database, statement: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statement)


def break_soon(proxy: Proxy) -> None:
    """Swallows, from in a moment on, all that the link carries."""
    threading.Timer(0.2, proxy.links("distant")[0].black_hole).start()


def test_an_answer_that_is_lost_is_noticed(distant: Database, proxy: Proxy) -> None:
    execute(distant, "SELECT 1")
    break_soon(proxy)
    with pytest.raises(psycopg2.OperationalError):
        execute(distant, "SELECT pg_sleep(1)")
    execute(distant, "SELECT 1")


def test_a_question_that_is_lost_is_noticed(distant: Database, proxy: Proxy) -> None:
    execute(distant, "SELECT 1")
    proxy.links("distant")[0].black_hole()
    with pytest.raises(psycopg2.OperationalError):
        execute(distant, "SELECT 1")


def test_a_commit_that_is_lost_is_noticed(distant: Database, proxy: Proxy) -> None:
    def lose_commit() -> None:
        with distant.transaction() as cursor:
            cursor.execute("SELECT 1")
            proxy.links("distant")[0].black_hole()

    with pytest.raises(psycopg2.OperationalError):
        lose_commit()


def test_a_server_whose_process_is_gone_is_noticed(
    distant: Database, proxy: Proxy, shared_database_url: str
) -> None:
    execute(distant, "SELECT 1")
    break_soon(proxy)
    with closing(Database(shared_database_url)) as near:
        threading.Timer(1, execute, (near, END_DISTANT)).start()
        with pytest.raises(psycopg2.OperationalError):
            execute(distant, f"SELECT pg_sleep({LONG_SECONDS})")


def test_a_server_that_says_nothing_at_all_is_noticed(distant: Database, proxy: Proxy) -> None:
    execute(distant, "SELECT 1")
    over = threading.Event()

    def swallow_all() -> None:
        while not over.wait(0.01):
            for link in proxy.links():
                link.black_hole()

    # New links are delayed, so that none gets through before it is swallowed.
    proxy.delay_seconds = 0.2
    swallowing = threading.Thread(target=swallow_all)
    swallowing.start()
    with pytest.raises(psycopg2.OperationalError):
        execute(distant, "SELECT 1")
    over.set()
    swallowing.join()


def test_a_slow_statement_is_left_alone(distant: Database) -> None:
    execute(distant, f"SELECT pg_sleep({SLOW_SECONDS})")


def test_waiting_for_a_lock_is_left_alone(distant: Database, shared_database_url: str) -> None:
    lock = "LOCK TABLE analytics.quality_check"
    with closing(Database(shared_database_url)) as near, near.transaction() as cursor:
        cursor.execute(lock)
        waiting = threading.Thread(target=execute, args=(distant, lock))
        waiting.start()
        time.sleep(SLOW_SECONDS)
        assert waiting.is_alive()
        cursor.connection.rollback()
        waiting.join()
    execute(distant, "SELECT 1")


def test_slow_copying_is_left_alone(distant: Database, proxy: Proxy) -> None:
    proxy.delay_seconds = 0.05
    lines = io.BytesIO(b"claim\t" + b"x" * 64 * 1024 * 40 + b"\t\\N\n")
    with distant.transaction() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE copied (stream text, payload text, payload_bytes bytea)"
        )
        cursor.copy_expert("COPY copied (stream, payload, payload_bytes) FROM STDIN", lines)
        assert cursor.rowcount == 1


def test_slow_appending_of_a_large_payload_is_left_alone(distant: Database, proxy: Proxy) -> None:
    proxy.delay_seconds = 0.05
    with distant.transaction() as cursor:
        append(cursor, "claim", [b"x" * 64 * 1024 * 60])
        assert cursor.rowcount == 1
        cursor.connection.rollback()


def test_a_connection_that_nobody_uses_any_more_is_watched_no_more(
    shared_database_url: str,
) -> None:
    execute(Database(shared_database_url, name="forgotten"), "SELECT 1")
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "link of forgotten":
            thread.join()


@pytest.mark.parametrize(
    ("copies", "waits_for_client"), [("VALUES (7, 5)", True), ("SELECT 7, 5 WHERE FALSE", False)]
)
def test_a_wait_counts_as_a_lost_answer_during_a_copy_only(
    shared_database_url: str, copies: str, *, waits_for_client: bool
) -> None:
    """Citus calls its wait for another server ClientRead, too; here its row stands in a table."""
    with closing(psycopg2.connect(shared_database_url)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"""
                SET LOCAL search_path TO pg_temp, pg_catalog;
                CREATE TEMP TABLE pg_stat_activity AS
                SELECT 7 AS pid, 'active' AS state, 'ClientRead' AS wait_event,
                    now() AS query_start, now() AS state_change;
                CREATE TEMP TABLE pg_stat_progress_copy (pid, bytes_processed) AS {copies}
                """)
            cursor.execute(statement("core/link/server_side"), {"pid": 7})
            [row] = cursor.fetchall()
        connection.rollback()
    assert row[0] is waits_for_client
