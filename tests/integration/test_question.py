"""Questions to a database that answers, is away, is slow, or takes connections and says nothing."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from integration.events import rows
from pipeline.core.database import LINK_OPTIONS, Database
from pipeline.core.statements import Cursor
from pipeline.operations.question import NoAnswerError, Question

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


@contextmanager
def silent_server() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing, until it hangs up at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def url_of(listening: socket.socket) -> str:
    return f"postgresql://a:b@127.0.0.1:{listening.getsockname()[1]}/c"


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


def test_a_database_that_is_away_is_told_before_patience_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = url_of(listening)
    with pytest.raises(NoAnswerError, match=r"^OperationalError$"):
        ask(url).ask()


def test_an_error_is_told_by_its_kind(database: Database) -> None:
    def fail(cursor: Cursor) -> int:
        cursor.execute("SELECT 'patient 4711'::int")
        return 0

    with pytest.raises(NoAnswerError, match=r"^InvalidTextRepresentation 22P02$"):
        ask(database.dsn, fail).ask()


@pytest.mark.timeout(60)
def test_who_asks_does_not_wait_for_a_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    # The link waits as long as the server is silent.
    monkeypatch.setitem(LINK_OPTIONS, "connect_timeout", 0)
    with ThreadPoolExecutor(10) as pool, silent_server() as server:
        question = ask(url_of(server))
        asked = [pool.submit(question.ask) for _ in range(10)]
        errors = [str(each.exception()) for each in asked]
        # However many ask, one waits for the server, and does so still: it has said nothing yet.
        waiting = [thread for thread in threading.enumerate() if thread.name == NAME]
        assert len(waiting) == 1
        server.accept()[0].close()
        with pytest.raises(BlockingIOError):
            server.accept()
    assert errors == ["no answer within 2 s"] * 10


def test_a_statement_that_takes_long_is_ended_on_the_server_too(database: Database) -> None:
    def sleep(cursor: Cursor) -> int:
        cursor.execute("SELECT pg_sleep(60)")
        return 0

    with pytest.raises(NoAnswerError):
        ask(database.dsn, sleep).ask()
    wait_until_none(database, "query ~ '^SELECT pg_sleep'")
