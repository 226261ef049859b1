"""What passes is tried again, and what does not is not."""

import io
import signal
import threading
import time
from contextlib import closing

import psycopg2
import pytest

from pipeline.core.database import Database
from pipeline.core.statements import Cursor, statement
from pipeline.operations.terminal import at_ctrl_c

PASSING = {
    "backend terminated": "SELECT pg_terminate_backend(pg_backend_pid())",
    "statement timeout": "SET LOCAL statement_timeout = '50ms'; SELECT pg_sleep(60)",
    "lock timeout": "SET LOCAL lock_timeout = '50ms'; LOCK TABLE analytics.quality_run",
    "stood still": "SET idle_in_transaction_session_timeout = '50ms'",
    "deadlock": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$",
    "disk full": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$",
    "too many connections": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53300'; END $$",
    "starting up": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P03'; END $$",
    "node of a cluster away": """
        DO $$ BEGIN RAISE EXCEPTION 'failure on connection marked as essential: 10.0.0.2:5432'
        USING ERRCODE = 'XX000'; END $$
        """,
    "standby": "SET LOCAL transaction_read_only = on; DELETE FROM analytics.quality_check",
}


@pytest.fixture
def shared(shared_database_url: str) -> Database:
    return Database(shared_database_url)


@pytest.mark.parametrize("trouble", PASSING)
def test_what_passes_is_tried_again(
    shared: Database, shared_database_url: str, trouble: str
) -> None:
    attempts = []

    def step(cursor: Cursor) -> int:
        attempts.append(trouble)
        if len(attempts) == 1:
            cursor.execute(PASSING[trouble])
            threading.Event().wait(0.3)
            cursor.execute("SELECT 1")
        cursor.execute("SELECT 7")
        return int(cursor.fetchone()[0])  # type: ignore[index]

    with closing(Database(shared_database_url)) as holder, holder.transaction() as cursor:
        cursor.execute("LOCK TABLE analytics.quality_run")
        assert shared.run(step) == 7
    assert len(attempts) == 2
    shared.close()


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        ("SELECT 1 / 0", psycopg2.errors.DivisionByZero),
        (
            "DO $$ BEGIN RAISE EXCEPTION 'oops' USING ERRCODE = 'XX000'; END $$",
            psycopg2.errors.InternalError_,
        ),
    ],
    ids=["a value", "what was not foreseen"],
)
def test_what_does_not_pass_is_not_tried_again(
    shared: Database, failing: str, error: type[psycopg2.Error]
) -> None:
    attempts = []

    def step(cursor: Cursor) -> None:
        attempts.append("")
        cursor.execute(failing)

    with pytest.raises(error):
        shared.run(step)
    assert len(attempts) == 1
    shared.close()


def test_the_last_error_is_told_where_it_does_not_pass_in_time(shared: Database) -> None:
    def step(cursor: Cursor) -> None:
        cursor.execute(PASSING["disk full"])

    with pytest.raises(psycopg2.errors.DiskFull):
        shared.run(step)
    shared.close()


class Pressing(io.BytesIO):
    """A row, while the reading of which somebody presses Ctrl-C."""

    presses = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.presses:
            self.presses += 1
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.5)
        return super().read(size)


def test_ctrl_c_during_a_copy_is_not_lost(database: Database) -> None:
    row = Pressing(b"claim\t{}\t\\N\n")
    with (
        pytest.raises(KeyboardInterrupt),
        at_ctrl_c(database.interrupt, does_it=lambda: database.is_waiting),
    ):
        database.run(lambda cursor: cursor.copy_expert(statement("staging/copy"), row))
    assert row.presses == 1
    with closing(Database(database.dsn)) as other, other.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM staging.event")
        assert cursor.fetchone() == (0,)


def test_every_connection_has_its_timeouts(shared: Database) -> None:
    names = (
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "tcp_keepalives_idle",
        "tcp_user_timeout",
    )
    with shared.transaction() as cursor:
        for name in names:
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() not in [("0",), None], name
    shared.close()
