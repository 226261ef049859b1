"""The project's SQL: one statement a file, under `pipeline/sql/<stage>/`."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from psycopg2 import extensions

Cursor = extensions.cursor
SQL_FOLDER = Path(__file__).parents[1] / "sql"


@cache
def statement(name: str) -> str:
    """The text of a statement, by stage and name: `statement("merge/open_run")`."""
    return (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def statements_in(stage: str) -> list[str]:
    """The names of a stage's statements, in the order of their numbers."""
    return [f"{stage}/{file.stem}" for file in sorted((SQL_FOLDER / stage).glob("*.sql"))]


def first_comment(name: str) -> str:
    """What a statement's first line says that it returns."""
    return statement(name).splitlines()[0].removeprefix("-- ")


def execute(cursor: Cursor, name: str, parameters: Mapping[str, Any] | None = None) -> None:
    """Executes a statement for what it does."""
    cursor.execute(statement(name), parameters)


def fetch_all(cursor: Cursor, name: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
    """Executes a statement; its rows, as named tuples of its columns."""
    cursor.execute(statement(name), parameters)
    return cursor.fetchall()


def fetch_one(cursor: Cursor, name: str, parameters: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
    """Executes a statement that returns one row; that row, as a named tuple of its columns."""
    cursor.execute(statement(name), parameters)
    row = cursor.fetchone()
    if row is None:
        raise RuntimeError(f"{name} returned no row")
    return row
