"""Where the benchmarks run: the embedded server, set as in production, with fresh databases."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection, make_dsn, parse_dsn

from pipeline.core.database import Database
from pipeline.core.streams import STREAMS
from pipeline.operations.embedded import server
from pipeline.schema.migrate import apply_schema
from prepared import INIT_SQL, make_server_home

PORT: Final = 25439
GIVEN: Final = "doctor_office"
"""The database with the given tables and patients only, which peers start from."""
OFFICE: Final = "office"
"""The one with the project's schema besides."""

FINAL_ROWS: Final = {
    "claim": """
        SELECT count(*), coalesce(sum(hashtextextended(
            concat_ws('|', id, code, price::numeric(12, 2), patient_id), 0)::numeric), 0)
        FROM {}.claim WHERE id >= %s""",
    "diagnose": """
        SELECT count(*), coalesce(sum(hashtextextended(
            concat_ws('|', id, icd10_code, patient_id), 0)::numeric), 0)
        FROM {}.diagnose WHERE id >= %s""",
}


class UnequalRowsError(Exception):
    """Two that did the same work have come to other final rows."""


class Lab:
    """A server with two databases to start from, and a folder for files."""

    def __init__(self, url: str, folder: Path, say: Callable[[str], None]) -> None:
        self.url = url
        self.folder = folder
        self.say = say
        self.kept: dict[str, Any] = {}
        """What one work has made and another can use."""
        self._numbers = itertools.count(1)

    def database(self, template: str) -> str:
        """The URL of a fresh database."""
        name = f"bench_{os.getpid()}_{next(self._numbers)}"
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        administer(self.url, command.format(sql.Identifier(name), sql.Identifier(template)))
        return named(self.url, name)

    def drop(self, url: str) -> None:
        """Removes a database."""
        command = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        administer(self.url, command.format(sql.Identifier(parse_dsn(url)["dbname"])))

    @contextmanager
    def fresh(self, template: str) -> Iterator[str]:
        """A fresh database for one run."""
        url = self.database(template)
        yield url
        self.drop(url)

    def new_folder(self, name: str) -> Path:
        """A folder that isn't there yet."""
        return self.folder / f"{name}_{next(self._numbers)}"


@contextmanager
def lab(say: Callable[[str], None]) -> Iterator[Lab]:
    """A server of its own, removed in the end."""
    home = make_server_home()
    try:
        with server(home / "server", init_sql=INIT_SQL, say=say, port=PORT) as url:
            made = Lab(url, home, say)
            _make_office(url)
            yield made
    finally:
        shutil.rmtree(home)


def _make_office(url: str) -> None:
    command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    administer(url, command.format(sql.Identifier(OFFICE), sql.Identifier(GIVEN)))
    with closing(Database(named(url, OFFICE), name="benchmark")) as database:
        apply_schema(database)


def named(url: str, name: str) -> str:
    """The URL of another database of the server."""
    return f"{url.rsplit('/', 1)[0]}/{name}"


def for_libpq(url: str) -> str:
    """The same as key=value, which every peer's driver reads."""
    return str(make_dsn(**parse_dsn(url)))


def administer(url: str, command: sql.Composable | str) -> None:
    """Does what can't be done in a transaction, beside all databases in use."""
    with autocommitting(named(url, "postgres")) as cursor:
        cursor.execute(command)


def postmaster(url: str) -> int:
    """The number of the server's first process, the parent of all others."""
    with autocommitting(url) as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [(pid,)] = cursor.fetchall()
        return int(psutil.Process(pid).ppid())


def checkpoint(url: str) -> None:
    """Writes what earlier work has left to write, so that nobody pays for another."""
    with autocommitting(url) as cursor:
        cursor.execute("CHECKPOINT")


@contextmanager
def autocommitting(url: str) -> Iterator[Any]:
    """A cursor whose every statement is a transaction."""
    with closing(psycopg2.connect(url)) as opened:
        opened.autocommit = True
        with opened.cursor() as cursor:
            yield cursor


@contextmanager
def connected(url: str) -> Iterator[connection]:
    """A plain connection."""
    with closing(psycopg2.connect(url)) as opened:
        yield opened


def final_rows(
    url: str, schema: str, streams: Iterable[str] = STREAMS, *, first_id: int = 0
) -> dict[str, tuple[int, int]]:
    """How many final rows there are from an id on, and a checksum whatever their order."""
    with autocommitting(url) as cursor:
        return {
            stream: _fetch_one(
                cursor, sql.SQL(FINAL_ROWS[stream]).format(sql.Identifier(schema)), first_id
            )
            for stream in streams
        }


def _fetch_one(cursor: Any, statement: sql.Composed, first_id: int) -> tuple[int, int]:  # noqa: ANN401
    cursor.execute(statement, (first_id,))
    count, checksum = cursor.fetchone()
    return int(count), int(checksum)


def require_equal_rows(
    name: str, found: dict[str, tuple[int, int]], expected: dict[str, tuple[int, int]]
) -> None:
    """Refuses to go on where final rows differ.

    Raises:
        UnequalRowsError: they do.
    """
    for stream, (count, checksum) in expected.items():
        if found[stream] != (count, checksum):
            raise UnequalRowsError(
                f"{name}: {found[stream][0]} rows in {stream}, checksum {found[stream][1]}; "
                f"expected {count}, checksum {checksum}"
            )
