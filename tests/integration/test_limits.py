"""A server with little room for locks: it is said before a statement fails, and can be mended."""

import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psycopg2
import psycopg2.errors
import pytest

from e2e.processes import SOURCE, plain_environment
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.operations import embedded
from pipeline.schema.limits import AT_ONCE, too_few_locks
from pipeline.schema.migrate import apply_schema
from pipeline.schema.partitions import make_partitions
from prepared import INIT_SQL, make_server_home, prepare

MORE_DAYS = "SELECT staging.make_partitions(current_date - 150, current_date - 2)"
LOCK_ALL = "SELECT count(*) FROM staging.event JOIN staging.outcome USING (seq)"


@pytest.fixture
def home() -> Iterator[Path]:
    made = make_server_home()
    prepare(made)
    yield made
    embedded.stop(made)
    shutil.rmtree((made / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(made, ignore_errors=True)


@contextmanager
def started(home: Path, monkeypatch: pytest.MonkeyPatch, locks: int) -> Iterator[Database]:
    """The database on a server with room for so many locks per transaction."""
    monkeypatch.setattr(embedded, "LOCKS_PER_TRANSACTION", locks)
    with (
        embedded.server(home, init_sql=INIT_SQL, say=print, port=25434) as url,
        closing(Database(url)) as database,
    ):
        apply_schema(database)
        yield database


def read_all_days_at_once(url: str, readers: int) -> None:
    with ExitStack() as links:
        for _ in range(readers):
            link = links.enter_context(closing(psycopg2.connect(url)))
            with link.cursor() as cursor:
                cursor.execute(LOCK_ALL)


def test_too_little_room_is_told_before_it_hurts_and_the_advice_mends_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with started(home, monkeypatch, 10) as database:
        assert database.run(too_few_locks) is None
        with database.transaction() as cursor:
            cursor.execute(MORE_DAYS)
            cursor.execute("DROP TABLE staging.event_default")
        assert database.run(verify, snapshot=True)
        advice = database.run(too_few_locks)
        assert advice
        found = re.fullmatch(
            r"The server has room for 1000 locks, and 6 statements at once over all 158 days "
            r"need (\d+): run ALTER SYSTEM SET max_locks_per_transaction = (\d+) as a superuser, "
            r"and restart the server\.",
            advice,
        )
        assert found
        with database.transaction() as cursor:
            cursor.execute(LOCK_ALL)
            cursor.execute("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()")
            [(taken,)] = cursor.fetchall()
        # Beside the partitions it locks the two tables, their own indexes, and a few more.
        assert 0 <= AT_ONCE / 2 * taken - int(found[1]) < AT_ONCE / 2 * 20
        with pytest.raises(psycopg2.errors.OutOfMemory):
            read_all_days_at_once(database.dsn, 10)
        with caplog.at_level(logging.WARNING):
            make_partitions(database)
            assert not caplog.records
    with started(home, monkeypatch, int(found[2])) as database:
        assert database.run(too_few_locks) is None
        read_all_days_at_once(database.dsn, AT_ONCE)


def test_new_partitions_warn(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with started(home, monkeypatch, 10) as database:
        with database.transaction() as cursor:
            cursor.execute(MORE_DAYS)
            cursor.execute("SELECT 'staging.event_' || to_char(now() + interval '5 d', 'YYYYMMDD')")
            [(partition,)] = cursor.fetchall()
            cursor.execute(f"DROP TABLE {partition}")
        with caplog.at_level(logging.WARNING):
            assert make_partitions(database) == 1
        [record] = caplog.records
        assert record.getMessage() == "too few locks"


def test_a_command_that_meets_a_full_table_names_the_command_that_names_the_setting(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(home, monkeypatch, 10) as database, ExitStack() as links:
        with database.transaction() as cursor:
            cursor.execute(MORE_DAYS)
        with suppress(psycopg2.errors.OutOfMemory):
            while True:
                link = links.enter_context(closing(psycopg2.connect(database.dsn)))
                link.cursor().execute(LOCK_ALL)
        done = subprocess.run(
            [sys.executable, SOURCE / "office.py", "verify", "--all"],
            env={**plain_environment(), "DATABASE_URL": database.dsn},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "'python src/office.py migrate' names the setting" in done.stderr.splitlines()[-1]
