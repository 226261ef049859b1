"""Runs one SQL case: loads its tables, executes its statement, compares. README.md says how."""

import csv
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any, TextIO

from psycopg2.extensions import new_type, register_type

from integration.events import RESTART_NUMBERS
from pipeline.core.database import Database
from pipeline.core.statements import (
    SQL_FOLDER,
    Cursor,
    commands_in,
    execute,
    execute_all,
    is_per_stream,
    is_template,
    statement,
    statements_in,
)
from pipeline.core.streams import STREAMS

# Applied before any test: their cases say what the views show.
SCHEMA_FILE = re.compile(r"(schema/(version|baseline|migrations|repeatable)/.+|citus/\d.+)")
# Loaded first, because other tables refer to them.
PARENT_TABLES = ("patient", "staging.merge_run", "analytics.quality_run")
# Of what the statement returns; the other expectations are of tables and views.
OF_STATEMENT = ("expect.csv", "expect.ordered.csv")
FORMAT = "(FORMAT csv, HEADER match, QUOTE '''', NULL 'NULL')"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT.+")
# bool, bytea, integers, bigint[], text[], dates and times, numeric, jsonb: as the server writes.
OIDS = (16, 17, 20, 21, 23, 1009, 1016, 1082, 1114, 1184, 1700, 3802)
AS_TEXT = new_type(OIDS, "AS_TEXT", lambda text, _: text)

# An outcome is kept beside its raw row, so that a file need not say when that was received.
OUTCOME_TABLES = ("staging.outcome", "rebuilt_outcome", "lost_outcome")
BESIDE_RAW_ROW = """
    UPDATE {table} AS o
    SET received_at = coalesce(e.received_at, '-infinity')
    FROM staging.event AS e
    WHERE o.seq = e.seq AND o.received_at = '-infinity'
    """

Rows = list[list[str]]


class UndoError(Exception):
    """Ends a case's transaction without a trace, so that all cases can share a database."""


def statement_of(case: Path) -> tuple[str, str | None]:
    """The name of a case's statement, and the stream that it is rendered for.

    The name is the same path as the case's, below the folder `sql`; a stream is a folder of its own
    between the statement and the case.
    """
    parts = case.parent.parts
    below = len(parts) - parts[::-1].index("sql")
    *name, last = parts[below:]
    if last in STREAMS and is_of_stream("/".join(name)):
        return "/".join(name), last
    return "/".join([*name, last]), None


def steps_of(name: str) -> list[str]:
    """The statements that a case runs: one, or all of a folder."""
    return statements_in(name) if (SQL_FOLDER / name).is_dir() else [name]


def is_of_stream(name: str) -> bool:
    """Whether a case of that name is for one stream."""
    is_there = (SQL_FOLDER / name).is_dir() or is_template(name)
    return is_there and any(map(is_per_stream, steps_of(name)))


def files_of(case: Path) -> dict[str, Path]:
    """The files that hold for a case: those of its room, its statement, its stream, and its own.

    Of two with the same name, the later one wins.
    """
    _, stream = statement_of(case)
    levels = 4 if stream else 3
    folders = reversed([case, *case.parents][:levels])
    files = {file.name: file for folder in folders for file in folder.iterdir() if file.is_file()}
    for name in files:
        if name not in {"first.json", "parameters.json", "input.sql"} and not name.endswith(".csv"):
            raise ValueError(f"{case} has {name}, which is no file of a case")
    if not any(name.startswith("expect.") for name in files):
        raise ValueError(f"{case} has no file expect*.csv")
    return files


def differences(case: Path, database: Database, *, instead: str | None = None) -> list[str]:
    """Runs a case, and undoes it; the lines of a diff between what it expects and what came.

    Args:
        case: its folder.
        database: with its schema.
        instead: a file that makes part of the schema in another form.
    """
    files = files_of(case)
    found: list[str] = []
    with suppress(UndoError), database.transaction() as cursor:
        execute(cursor, "schema/version/in_sequence")
        cursor.execute(RESTART_NUMBERS)
        if instead:
            cursor.execute(statement(instead))
        register_type(AS_TEXT, cursor)
        load(cursor, files)
        name, stream = statement_of(case)
        if not SCHEMA_FILE.fullmatch(name):
            execute_all(cursor, steps_of(name), parameters_of(files), stream=stream)
        found += compare_all(cursor, files)
        raise UndoError
    return found


def compare_all(cursor: Cursor, files: dict[str, Path]) -> Iterator[str]:
    # What was returned comes first: the next query would replace it.
    for name in OF_STATEMENT:
        if name in files:
            yield from compare_returned(cursor, name, read(files[name]))
    for name in sorted(files):
        if name.startswith("expect.") and name not in OF_STATEMENT:
            yield from compare_relation(cursor, name, read(files[name]))


def load(cursor: Cursor, files: dict[str, Path]) -> None:
    if "first.json" in files:
        for name in json.loads(files["first.json"].read_text(encoding="utf-8")):
            cursor.execute(statement(name))
    names = [name for name in files if name.endswith(".csv") and not name.startswith("expect.")]
    tables = [name.removesuffix(".csv") for name in names]
    for table in sorted(tables, key=lambda table: (table not in PARENT_TABLES, table)):
        cursor.execute(f"DELETE FROM {table}")
        with files[f"{table}.csv"].open(encoding="utf-8") as rows:
            columns = rows.readline()
            rows.seek(0)
            copy(cursor, table, columns.strip(), rows)
    for table in set(tables) & set(OUTCOME_TABLES):
        cursor.execute(BESIDE_RAW_ROW.format(table=table))
    if "input.sql" in files:
        for command in commands_in(files["input.sql"].read_text(encoding="utf-8")):
            cursor.execute(command)


def copy(cursor: Cursor, table: str, columns: str, rows: TextIO) -> None:
    is_placed = table not in OUTCOME_TABLES or "received_at" in columns
    if not is_placed:
        cursor.execute(f"ALTER TABLE {table} ALTER received_at SET DEFAULT '-infinity'")
    cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN {FORMAT}", rows)
    if not is_placed:
        cursor.execute(f"ALTER TABLE {table} ALTER received_at DROP DEFAULT")


def parameters_of(files: dict[str, Path]) -> dict[str, Any] | None:
    if "parameters.json" not in files:
        return None
    given = json.loads(files["parameters.json"].read_text(encoding="utf-8"))
    return {name: with_times(value) for name, value in given.items()}


def with_times(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [with_times(each) for each in value]
    is_time = isinstance(value, str) and TIMESTAMP.fullmatch(value)
    return datetime.fromisoformat(value) if is_time else value


def compare_returned(cursor: Cursor, name: str, expected: Rows) -> Iterator[str]:
    wanted = expected[0]
    returned = [column.name for column in cursor.description or ()]
    if not set(wanted) <= set(returned):
        yield f"returned: {', '.join(returned)}; not: {', '.join(wanted)}"
        return
    places = [returned.index(column) for column in wanted]
    rows = [[row[place] for place in places] for row in cursor.fetchall()]
    yield from compare(name, expected, rows)


def compare_relation(cursor: Cursor, name: str, expected: Rows) -> Iterator[str]:
    relation = name.removeprefix("expect.").removesuffix(".csv")
    cursor.execute(f"SELECT {', '.join(expected[0])} FROM {relation}")
    yield from compare(name, expected, cursor.fetchall())


def compare(name: str, expected: Rows, rows: list[Any]) -> Iterator[str]:
    wanted = [" | ".join(row) for row in expected[1:]]
    came = [" | ".join("NULL" if value is None else value for value in row) for row in rows]
    if name != "expect.ordered.csv":
        wanted, came = sorted(wanted), sorted(came)
    yield from unified_diff(wanted, came, name, "what came", lineterm="", n=99)


def read(file: Path) -> Rows:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.reader(text, quotechar="'"))
