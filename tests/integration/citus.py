"""The layout for Citus, as it stands in its file; and a cluster's database."""

import re
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2

from pipeline.core.statements import Cursor, statement

NAME = "citus/layout"
LOCAL = re.compile(r"^-- local: ([\w.]+): \S", re.MULTILINE)
ONLY_WHAT_IS_THERE = "WHERE to_regclass(l.table_name) IS NOT NULL"


@dataclass(frozen=True)
class Layout:
    """Where the tables are, by name with schema, each as often as the file says it."""

    keys: dict[str, str]
    """What each distributed table is distributed by."""
    beside: dict[str, str]
    """With which table, earlier in the file, it is co-located; itself where with none."""
    reference: list[str]
    local: list[str]

    @property
    def named(self) -> list[str]:
        return [*self.keys, *self.reference, *self.local]


def layout_of(cursor: Cursor, text: str) -> Layout:
    """What a layout says, also of tables that are not there."""
    assert ONLY_WHAT_IS_THERE in text
    cursor.execute(text.replace(ONLY_WHAT_IS_THERE, ""))
    rows: list[Any] = cursor.fetchall()
    spread = [row for row in rows if row.spread_by is not None]
    return Layout(
        keys={row.table_name: row.spread_by for row in spread},
        beside={row.table_name: beside_of(row) for row in spread},
        reference=[row.table_name for row in rows if row.spread_by is None],
        local=LOCAL.findall(text),
    )


def beside_of(row: Any) -> str:  # noqa: ANN401
    return str(row.table_name if row.beside == "none" else row.beside)


def layout_sql() -> str:
    return statement(NAME)


# --- a cluster, and the office on it ---

OF_AN_OFFICE = """
    SELECT count(*) FROM pg_tables
    WHERE schemaname IN ('staging', 'analytics')
        OR tablename IN ('patient', 'claim', 'diagnose', 'schema_version')
    """
DROPS = (
    "DROP SCHEMA IF EXISTS offices CASCADE",
    "DROP SCHEMA IF EXISTS audit CASCADE",
    "DROP SCHEMA IF EXISTS analytics CASCADE",
    "DROP SCHEMA IF EXISTS staging CASCADE",
    "DROP TABLE IF EXISTS claim CASCADE",
    "DROP TABLE IF EXISTS diagnose CASCADE",
    "DROP TABLE IF EXISTS patient CASCADE",
    "DROP TABLE IF EXISTS schema_version CASCADE",
)


def ask(dsn: str, query: str) -> list[tuple[Any, ...]]:
    """A statement in a transaction of its own."""
    with closing(psycopg2.connect(dsn)) as opened:
        opened.autocommit = True
        with opened.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []


def drop_office(dsn: str) -> None:
    for drop in DROPS:
        ask(dsn, drop)
