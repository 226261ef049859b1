"""The layout for Citus, and what stands in for Citus where there is none."""

import re
from dataclasses import dataclass
from typing import Any

from pipeline.core.statements import Cursor, statement

NAME = "citus/distribute"

# They take what Citus's own take, and write it down; to them, too, a missing table is an error.
STAND_INS = """
    CREATE TEMPORARY TABLE called (place serial, relation regclass, key text, beside text);
    CREATE FUNCTION create_reference_table(table_name regclass) RETURNS void LANGUAGE sql AS
    'INSERT INTO pg_temp.called (relation) VALUES (table_name)';
    CREATE FUNCTION create_distributed_table(
        table_name regclass, distribution_column text, colocate_with text DEFAULT 'default'
    ) RETURNS void LANGUAGE sql AS
    'INSERT INTO pg_temp.called (relation, key, beside)
     VALUES (table_name, distribution_column, colocate_with)';
    """
CALLED = """
    SELECT format('%s.%s', n.nspname, c.relname) AS name, a.key, a.beside
    FROM called AS a
    JOIN pg_class AS c ON a.relation = c.oid
    JOIN pg_namespace AS n ON c.relnamespace = n.oid
    ORDER BY a.place
    """
LOCAL = re.compile(r"^-- local: ([\w.]+): \S", re.MULTILINE)
REFUSED = re.compile(r"^-- refused: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Layout:
    """Where the tables are, by name with schema, each as often as the file says it."""

    keys: dict[str, str]
    """What each distributed table is distributed by."""
    beside: dict[str, str]
    """With which table, earlier in the file, it is co-located; itself where with none."""
    reference: list[str]
    local: list[str]
    refused: list[str]
    """Statements that are known not to run over it."""

    @property
    def named(self) -> list[str]:
        return [*self.keys, *self.reference, *self.local]


def layout_of(cursor: Cursor, text: str) -> Layout:
    """What a file of calls says, from what its calls come to; undo the transaction afterwards."""
    cursor.execute(STAND_INS)
    cursor.execute(text)
    cursor.execute(CALLED)
    calls: list[Any] = cursor.fetchall()
    spread = [call for call in calls if call.key is not None]
    return Layout(
        keys={call.name: call.key for call in spread},
        beside={call.name: with_schema(call.beside, alone=call.name) for call in spread},
        reference=[call.name for call in calls if call.key is None],
        local=LOCAL.findall(text),
        refused=[name for line in REFUSED.findall(text) for name in line.split()],
    )


def with_schema(table: str, *, alone: str) -> str:
    if table == "none":
        return alone
    return table if "." in table else f"public.{table}"


def calls_in(text: str) -> list[str]:
    """The file's statements, to be executed each in a transaction of its own."""
    bare = re.sub(r"--.*", "", text)
    return [call.strip() for call in bare.split(";") if call.strip()]


def distribute_sql() -> str:
    return statement(NAME)
