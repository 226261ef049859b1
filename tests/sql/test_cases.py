"""Runs the SQL cases: each folder `<stage>/<statement>/<case>/` beside this file is one; see README.md."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import new_type, register_type

from pipeline.database import Database
from pipeline.statements import SQL_FOLDER, Cursor, statement

CASES_FOLDER = Path(__file__).parent
CASES = sorted(folder for folder in CASES_FOLDER.glob("*/*/*") if folder.is_dir())

# These are loaded first, because the others refer to them.
PARENT_TABLES = ("patient", "staging.merge_run", "analytics.quality_run")

# The schema is in the database already; its cases say what its views show.
STAGES_APPLIED_ALREADY = ("schema", "schema_version")
# What a case can't show by data alone: locks, and COPY, which reads from the client.
WITHOUT_CASE = {"merge/lock_cursor", "revenue/lock_cursors", "staging/copy"}

FORMAT = "(FORMAT csv, HEADER match, QUOTE '''', NULL 'NULL')"
# bool, bytea, int8, int2, int4, date, timestamp, timestamptz, numeric, jsonb: as psql prints them.
AS_TEXT = new_type(
    (16, 17, 20, 21, 23, 1082, 1114, 1184, 1700, 3802), "AS_TEXT", lambda text, _: text
)
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT.+")

Rows = list[list[str]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.relative_to(CASES_FOLDER)))
def test_case(case: Path, database: Database) -> None:
    difference = "\n".join(differences(case, database))
    assert not difference, f"\n{difference}"


def test_every_statement_has_a_case() -> None:
    names = {str(file.relative_to(SQL_FOLDER).with_suffix("")) for file in SQL_FOLDER.rglob("*.sql")}
    assert without_case(names) == WITHOUT_CASE


def test_a_statement_without_a_case_is_reported() -> None:
    assert "merge/newly_written" in without_case({"merge/newly_written", "merge/open_run"})


def test_every_case_has_a_statement() -> None:
    for case in CASES:
        assert statement(statement_of(case)), case


@pytest.mark.parametrize(
    ("expected_file", "expected", "difference"),
    [
        ("expect.csv", "next_id\n5\n", "+0"),
        ("expect.csv", "next_id\n0\n0\n", "-0"),
        ("expect.csv", "no_such_column\n0\n", "it returns next_id, not no_such_column"),
        ("expect.claim.csv", "id\n1\n", "-1"),
    ],
)
def test_a_wrong_case_is_reported(
    tmp_path: Path, database: Database, expected_file: str, expected: str, difference: str
) -> None:
    case = tmp_path / "staging" / "next_id" / "wrong"
    case.mkdir(parents=True)
    (case / "parameters.json").write_text('{"stream": "claim"}', encoding="utf-8")
    (case / expected_file).write_text(expected, encoding="utf-8")
    assert difference in list(differences(case, database))


@pytest.mark.parametrize("file_name", ["parameters.json", "expcet.txt"])
def test_a_case_that_would_show_nothing_is_an_error(
    tmp_path: Path, database: Database, file_name: str
) -> None:
    case = tmp_path / "staging" / "next_id" / "empty"
    case.mkdir(parents=True)
    (case / file_name).write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"expect\*\.csv|expcet\.txt"):
        list(differences(case, database))


def without_case(names: set[str]) -> set[str]:
    """The statements that no case is about."""
    wanted = {name for name in names if name.split("/")[0] not in STAGES_APPLIED_ALREADY}
    return wanted - {statement_of(case) for case in CASES}


def statement_of(case: Path) -> str:
    return f"{case.parent.parent.name}/{case.parent.name}"


def differences(case: Path, database: Database) -> Iterator[str]:
    """Runs a case; the lines of a diff between what it expects and what came."""
    files = files_of(case)
    with database.transaction() as cursor:
        register_type(AS_TEXT, cursor)
        load(cursor, files)
        if case.parent.parent.name not in STAGES_APPLIED_ALREADY:
            cursor.execute(statement(statement_of(case)), parameters_of(files))
        # What the statement returned is read first: the next query would end it.
        for name in sorted(files, key=lambda name: (name not in {"expect.csv", "expect.ordered.csv"}, name)):
            if name.startswith("expect."):
                yield from compare(cursor, name, read(files[name]))


def files_of(case: Path) -> dict[str, Path]:
    """The files that hold for a case: its own, over those of its statement, over those of its stage."""
    folders = (case.parent.parent, case.parent, case)
    files = {file.name: file for folder in folders for file in folder.iterdir() if file.is_file()}
    if not any(name.startswith("expect.") and name.endswith(".csv") for name in files):
        raise ValueError(f"{case} has no expect*.csv, and would show nothing")
    for name in files:
        if name not in {"parameters.json", "input.sql"} and not name.endswith(".csv"):
            raise ValueError(f"{case}: {name} is no file of a case; README.md lists them")
    return files


def load(cursor: Cursor, files: dict[str, Path]) -> None:
    tables = {name.removesuffix(".csv") for name in files if name.endswith(".csv")}
    tables = {table for table in tables if not table.startswith("expect")}
    for table in sorted(tables, key=lambda table: (table not in PARENT_TABLES, table)):
        file = files[f"{table}.csv"]
        cursor.execute(f"DELETE FROM {table}")
        with file.open(encoding="utf-8") as rows:
            cursor.copy_expert(f"COPY {table} ({', '.join(read(file)[0])}) FROM STDIN {FORMAT}", rows)
    if "input.sql" in files:
        cursor.execute(files["input.sql"].read_text(encoding="utf-8"))


def parameters_of(files: dict[str, Path]) -> Any:  # noqa: ANN401 - whatever the statement takes
    if "parameters.json" not in files:
        return None
    return typed(json.loads(files["parameters.json"].read_text(encoding="utf-8")))


def typed(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: typed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    is_time = isinstance(value, str) and TIMESTAMP.fullmatch(value)
    return datetime.fromisoformat(value) if is_time else value


def compare(cursor: Cursor, name: str, expected: Rows) -> Iterator[str]:
    header, *rows = expected
    if name in {"expect.csv", "expect.ordered.csv"}:
        returned = [column.name for column in cursor.description or ()]
        if not set(header) <= set(returned):
            yield f"it returns {', '.join(returned) or 'nothing'}, not {', '.join(header)}"
            return
        places = [returned.index(column) for column in header]
        actual = [[as_text(row[place]) for place in places] for row in cursor.fetchall()]
    else:
        relation = name.removeprefix("expect.").removesuffix(".csv")
        cursor.execute(f"SELECT {', '.join(header)} FROM {relation}")
        actual = [[as_text(value) for value in row] for row in cursor.fetchall()]
    if name != "expect.ordered.csv":
        rows, actual = sorted(rows), sorted(actual)
    yield from unified_diff(lines(rows), lines(actual), name, "actual", "", "", lineterm="", n=99)


def read(file: Path) -> Rows:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.reader(text, quotechar="'"))


def as_text(value: str | None) -> str:
    return "NULL" if value is None else value


def lines(rows: Rows) -> list[str]:
    return [" | ".join(row) for row in rows]
