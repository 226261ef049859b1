"""What the tests share: one real PostgreSQL 18 for the session, and a fresh database per test."""

import itertools
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from e2e.forkserver import allow_server
from pipeline.core.database import Database
from pipeline.operations.embedded import server
from pipeline.schema.migrate import apply_schema
from prepared import HOME_VARIABLE, INIT_SQL, make_fast, make_server_home, make_shared_home, prepare

_numbers = itertools.count(1)
_FORK_SERVER = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Makes the server's folder, which parallel workers inherit, and heeds signals.

    A shell's background jobs ignore SIGINT, and what nohup starts ignores SIGHUP. So would the
    processes that the tests start.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if not hasattr(config, "workerinput"):
        home = make_shared_home()
        os.environ[HOME_VARIABLE] = str(home)
        config.stash[_FORK_SERVER] = allow_server(home / "forkserver")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes the server's folder."""
    if not hasattr(config, "workerinput"):
        os.close(config.stash[_FORK_SERVER])
        shutil.rmtree(os.environ[HOME_VARIABLE])


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of the server's `doctor_office`; parallel workers share the server."""
    home = Path(os.environ[HOME_VARIABLE])
    with server(home, init_sql=INIT_SQL, say=print, port=25432) as url:
        make_fast(url)
        yield url


@pytest.fixture(scope="session")
def given_template(server_url: str, worker_id: str) -> str:
    """A database with the given tables and patients only."""
    return _clone(server_url, "doctor_office", f"given_{worker_id}")


@pytest.fixture(scope="session")
def office_template(server_url: str, given_template: str, worker_id: str) -> str:
    """A database with the whole schema."""
    name = _clone(server_url, given_template, f"office_{worker_id}")
    database = Database(_url_of(server_url, name))
    apply_schema(database)
    database.close()
    return name


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Sets back, after a test that configures logging, where to and from which level on it logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def make_database(
    server_url: str, office_template: str, worker_id: str
) -> Iterator[Callable[[], str]]:
    """Makes fresh databases with the whole schema, and drops them after the test."""
    made: list[str] = []

    def make() -> str:
        name = f"test_{worker_id}_{next(_numbers)}"
        made.append(_clone(server_url, office_template, name))
        return _url_of(server_url, name)

    yield make
    for name in made:
        _drop(server_url, name)


@pytest.fixture
def database_url(make_database: Callable[[], str]) -> str:
    """The URL of a fresh database with the whole schema."""
    return make_database()


@pytest.fixture(scope="module")
def shared_database_url(server_url: str, office_template: str, worker_id: str) -> Iterator[str]:
    """The URL of a database with the whole schema that the tests of a module share."""
    name = _clone(server_url, office_template, f"shared_{worker_id}_{next(_numbers)}")
    yield _url_of(server_url, name)
    _drop(server_url, name)


@pytest.fixture
def given_database_url(server_url: str, given_template: str, worker_id: str) -> Iterator[str]:
    """The URL of a fresh database with the given tables and patients only."""
    name = _clone(server_url, given_template, f"test_{worker_id}_{next(_numbers)}")
    yield _url_of(server_url, name)
    _drop(server_url, name)


@pytest.fixture
def empty_database_url(server_url: str, worker_id: str) -> Iterator[str]:
    """The URL of a fresh database with nothing in it."""
    name = _clone(server_url, "template0", f"empty_{worker_id}_{next(_numbers)}")
    yield _url_of(server_url, name)
    _drop(server_url, name)


@pytest.fixture(scope="session")
def lonely_database() -> Iterator[Database]:
    """A database on a server of its own, where no other worker's transaction holds a merge back.

    Each test that uses it empties it first.
    """
    home = make_server_home()
    prepare(home)
    with (
        server(home, init_sql=INIT_SQL, say=print, port=25433) as url,
        closing(Database(url)) as database,
    ):
        apply_schema(database)
        yield database
    shutil.rmtree(home)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database with the whole schema."""
    opened = Database(database_url)
    yield opened
    opened.close()


def _url_of(server_url: str, name: str) -> str:
    return f"{server_url.rsplit('/', 1)[0]}/{name}"


def _clone(server_url: str, template: str, name: str) -> str:
    _administer(
        server_url,
        # By default PostgreSQL writes each page to its log, which takes twice as long.
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(name), sql.Identifier(template)
        ),
    )
    return name


def _drop(server_url: str, name: str) -> None:
    _administer(
        server_url,
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)),
    )


def _administer(server_url: str, command: sql.Composed) -> None:
    connection = psycopg2.connect(_url_of(server_url, "postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(command)
    connection.close()
