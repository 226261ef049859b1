"""Questions to a database that answers, is away, is slow, or takes connections and says nothing."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration.events import rows
from pipeline.core.database import Database
from pipeline.core.statements import Cursor
from pipeline.operations.question import PATIENCE_SECONDS, NoAnswerError, Question

NAME = "test question"


def number(cursor: Cursor) -> int:
    cursor.execute("SELECT 1 + 1")
    return int(cursor.fetchall()[0][0])


def ask(dsn: str, read: Callable[[Cursor], int] = number) -> Question[int]:
    return Question(dsn, read, name=NAME)


def wait_until_none(database: Database, condition: str) -> None:
    """Waits until no process of the server is such."""
    deadline = time.monotonic() + 5
    query = f"SELECT count(*) FROM pg_stat_activity WHERE {condition}"
    while rows(database, query) != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"postgresql://a:b@127.0.0.1:{listening.getsockname()[1]}/c"


def test_each_answer_is_a_new_one_and_leaves_no_connection(database: Database) -> None:
    answers = iter((1, 2))
    question = ask(database.dsn, lambda cursor: number(cursor) * next(answers))
    assert (question.ask(), question.ask()) == (2, 4)

    wait_until_none(database, f"application_name = '{NAME}'")


def test_nothing_can_be_written(database: Database) -> None:
    def write(cursor: Cursor) -> int:
        cursor.execute("INSERT INTO staging.event (stream, payload) VALUES ('claim', 'x')")
        return 0

    with pytest.raises(NoAnswerError, match=r"^ReadOnlySqlTransaction 25006$"):
        ask(database.dsn, write).ask()


def test_a_database_that_is_away_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(NoAnswerError, match=r"^OperationalError$"):
        ask(f"postgresql://a:b@127.0.0.1:{port}/c").ask()
    assert time.monotonic() - began < 1


def test_an_error_is_told_by_its_kind(database: Database) -> None:
    def fail(cursor: Cursor) -> int:
        cursor.execute("SELECT 'patient 4711'::int")
        return 0

    with pytest.raises(NoAnswerError, match=r"^InvalidTextRepresentation 22P02$"):
        ask(database.dsn, fail).ask()


def test_who_asks_does_not_wait_for_a_silent_server(silent_url: str) -> None:
    question = ask(silent_url)
    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(question.ask) for _ in range(10)]
        time.sleep(PATIENCE_SECONDS / 2)
        waiting = [thread for thread in threading.enumerate() if thread.name == NAME]
        errors = [str(future.exception()) for future in asked]
    assert time.monotonic() - began < PATIENCE_SECONDS + 1
    assert errors == ["no answer within 2 s"] * 10
    # However many ask, one waits for the server.
    assert len(waiting) == 1


def test_a_statement_that_takes_long_is_ended_on_the_server_too(database: Database) -> None:
    def sleep(cursor: Cursor) -> int:
        cursor.execute("SELECT pg_sleep(60)")
        return 0

    with pytest.raises(NoAnswerError):
        ask(database.dsn, sleep).ask()
    wait_until_none(database, "query ~ '^SELECT pg_sleep'")
