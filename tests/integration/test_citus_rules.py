"""Citus's rules, held against the schema and the statements on a plain PostgreSQL.

A rule is a function from the catalogs, the layout and the SQL files to the violations in them; each
is shown to fail on a planted one. What Citus makes of it, only Citus can show: see test_citus.py. A
statement that no rule can read, or that no case shows on a cluster, has to be named.
What no statement may say in any place (SKIP LOCKED, ctid, advisory locks, MERGE, CREATE TRIGGER) is
for unit/test_dependency_rules.py.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from sqlglot import ParseError, exp

from integration import citus_statements
from integration.citus import NAME, Layout, layout_of, layout_sql
from integration.citus_statements import Spread, functions_in, name_of, names, parsed
from pipeline.core.database import Database
from pipeline.core.statements import (
    Cursor,
    all_statements,
    commands_in,
    execute,
    for_each_stream,
    statement,
)
from sql.test_cases import without_case

SCHEMAS = ["public", "staging", "analytics", "audit"]
# What may be different at each look, which Citus would have to do the same on every node.
VOLATILE = re.compile(r"\b(clock_timestamp|timeofday|random|gen_random_uuid|uuidv[47]|nextval)\(")
UPDATE = re.compile(r"\bUPDATE\s+([\w.]+)(?:\s+AS\s+\w+)?\s+SET\b", re.IGNORECASE)
ON_CONFLICT = re.compile(
    r"\bINSERT\s+INTO\s+([\w.]+)(?:(?!\bINSERT\b).)*?\bDO\s+UPDATE\s+SET\b",
    re.IGNORECASE | re.DOTALL,
)
CHANGES_END = re.compile(r"[()]|\b(?:FROM|WHERE|RETURNING)\b", re.IGNORECASE)

# Applied before there is a cluster, or about no row of a spread table.
ONCE = ("schema/baseline/", "schema/migrations/", "schema/layout/", "schema/version/", NAME)
QUERY = re.compile(
    r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE|CREATE\s+(OR\s+REPLACE\s+)?(TEMPORARY\s+)?VIEW)\b",
    re.IGNORECASE,
)
# What no rule can read, or what has no case: which test of test_citus.py runs it.
SHOWN_ON_A_CLUSTER: dict[str, str] = {
    "archive/export_day": "archive",
    "citus/210_figures": "the cases of revenue, and analytics",
    "schema/repeatable/110_partitions": "a day gets its partitions on the nodes",
    "schema/repeatable/115_analyze_grown": "merge",
    "schema/repeatable/125_archive": "the cases of archive, and archive",
    "schema/repeatable/165_pending": "the cases of status, and status",
    "schema/repeatable/168_arrivals": "the cases of quality, and analytics",
    "schema/repeatable/169_count_merged": "analytics",
    "schema/repeatable/180_gone_row_window": "the cases of explain, and erased",
    "schema/repeatable/190_put_back_awaited": "the cases of merge, and late patients are mended",
    "schema/repeatable/200_audit": "the audit views",
    "staging/copy": "load, and the services",
}

TABLES = """
    SELECT format('%%s.%%s', n.nspname, c.relname) AS name
    FROM pg_class AS c JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY(%(schemas)s)
    """
# Those of its partitions, too.
KEYS_WITHOUT = """
    SELECT c.relname AS name
    FROM pg_index AS i JOIN pg_class AS c ON i.indexrelid = c.oid
    WHERE (i.indisunique OR i.indisexclusion)
        AND (i.indrelid = %(table)s::regclass
            OR i.indrelid IN (SELECT p.relid FROM pg_partition_tree(%(table)s::regclass) AS p))
        AND NOT EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = i.indrelid AND a.attname = %(column)s
                AND a.attnum = ANY((i.indkey::int2[])[0:i.indnkeyatts - 1])
        )
    """
COLUMN = """
    SELECT a.attgenerated <> '' AS is_generated, NOT a.attnotnull AS is_nullable,
        format_type(a.atttypid, a.atttypmod) AS type, a.attcollation::regcollation AS collation
    FROM pg_attribute AS a
    WHERE a.attrelid = %(table)s::regclass AND a.attname = %(column)s AND NOT a.attisdropped
    """
FOREIGN_KEYS = """
    SELECT f.conname AS name,
        format('%s.%s', fn.nspname, fc.relname) AS referring,
        format('%s.%s', tn.nspname, tc.relname) AS referred,
        array(
            SELECT ARRAY[fa.attname::text, ta.attname::text]
            FROM unnest(f.conkey, f.confkey) AS pair (referring, referred)
            JOIN pg_attribute AS fa ON fa.attrelid = f.conrelid AND fa.attnum = pair.referring
            JOIN pg_attribute AS ta ON ta.attrelid = f.confrelid AND ta.attnum = pair.referred
        ) AS columns
    FROM pg_constraint AS f
    JOIN pg_class AS fc ON f.conrelid = fc.oid JOIN pg_namespace AS fn ON fc.relnamespace = fn.oid
    JOIN pg_class AS tc ON f.confrelid = tc.oid JOIN pg_namespace AS tn ON tc.relnamespace = tn.oid
    WHERE f.contype = 'f' AND f.conparentid = 0
    """
TRIGGERS = """
    SELECT t.tgname AS name, t.tgrelid::regclass::text AS relation
    FROM pg_trigger AS t JOIN pg_class AS c ON t.tgrelid = c.oid
    JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE NOT t.tgisinternal AND n.nspname = ANY(%(schemas)s)
    """
NUMBERED = """
    SELECT DISTINCT format('%s.%s', n.nspname, c.relname) AS name
    FROM pg_attribute AS a JOIN pg_class AS c ON a.attrelid = c.oid
    JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE a.attidentity <> ''
    """
NUMERIC = """
    SELECT format('%s.%s', n.nspname, c.relname) AS name, a.attname AS column
    FROM pg_attribute AS a JOIN pg_class AS c ON a.attrelid = c.oid
    JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE a.atttypid = 'numeric'::regtype AND a.atttypmod > 0 AND c.relkind IN ('r', 'p')
    """
# A view of a view reads the tables of both.
READING = """
    WITH RECURSIVE reading AS (
        SELECT relation::regclass::oid AS oid FROM unnest(%(relations)s) AS relation
        UNION
        SELECT rule.ev_class
        FROM reading AS r
        JOIN pg_depend AS d ON d.refobjid = r.oid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_rewrite AS rule ON d.objid = rule.oid AND d.classid = 'pg_rewrite'::regclass
    )
    SELECT format('%%s.%%s', n.nspname, c.relname) AS name
    FROM reading AS r JOIN pg_class AS c ON r.oid = c.oid
    JOIN pg_namespace AS n ON c.relnamespace = n.oid
    """


@dataclass(frozen=True)
class Office:
    """What a rule looks at."""

    cursor: Cursor
    layout: Layout
    files: dict[str, str]
    """Statements by name, without their comments."""

    def rows(self, query: str, **parameters: object) -> list[Any]:
        self.cursor.execute(query, parameters or None)
        return self.cursor.fetchall()

    def reading(self, *relations: str) -> list[str]:
        """These relations, and the views that read them."""
        found = self.rows(READING, relations=list(relations))
        return sorted(row.name for row in found)


Rule = Callable[[Office], list[str]]
Check = Callable[[exp.Expr, Spread], Iterator[str]]


def every_table_has_one_place(office: Office) -> list[str]:
    tables = {row.name for row in office.rows(TABLES, schemas=SCHEMAS)}
    named = office.layout.named
    return [
        *(f"{table} has no place" for table in sorted(tables - set(named))),
        *(f"{table} is no table" for table in sorted(set(named) - tables)),
        *(f"{table} has two places" for table in set(named) if named.count(table) > 1),
    ]


def keys_contain_the_distribution_column(office: Office) -> list[str]:
    return [
        f"{row.name} of {table} is without {column}"
        for table, column in office.layout.keys.items()
        for row in office.rows(KEYS_WITHOUT, table=table, column=column)
    ]


def a_distribution_column_is_plain(office: Office) -> list[str]:
    """It always has a value, which is the row's own; an identity is that."""
    found = []
    for table, column in office.layout.keys.items():
        described = office.rows(COLUMN, table=table, column=column)
        found += [f"{table} has no {column}"] * (not described)
        for each in described:
            found += [f"{table}.{column} is generated"] * each.is_generated
            found += [f"{table}.{column} can be NULL"] * each.is_nullable
    return found


def colocated_columns_are_alike(office: Office) -> list[str]:
    keys = office.layout.keys
    order = list(keys)
    found = []
    for table, other in office.layout.beside.items():
        if other not in keys or order.index(other) > order.index(table):
            found.append(f"{table} is beside {other}, which is not distributed before it")
            continue
        one, another = (office.rows(COLUMN, table=t, column=keys[t]) for t in (table, other))
        if [(c.type, c.collation) for c in one] != [(c.type, c.collation) for c in another]:
            found.append(f"{table}.{keys[table]} is not like {other}.{keys[other]}")
    return found


def foreign_keys_stay_within_a_node(office: Office) -> list[str]:
    return [
        f"{key.name} of {key.referring} refers to {key.referred}"
        for key in office.rows(FOREIGN_KEYS)
        if not stays_within_a_node(office.layout, key)
    ]


def stays_within_a_node(layout: Layout, key: Any) -> bool:  # noqa: ANN401
    if key.referred in layout.reference:
        return True
    if key.referring in layout.keys and key.referred in layout.keys:
        together = layout.beside[key.referring] == layout.beside[key.referred]
        pair = [layout.keys[key.referring], layout.keys[key.referred]]
        return together and pair in key.columns
    return key.referring in layout.local and key.referred in layout.local


def no_table_has_a_trigger(office: Office) -> list[str]:
    execute(office.cursor, "schema/layout/check_each_row")
    return [
        f"{row.relation} has the trigger {row.name}"
        for row in office.rows(TRIGGERS, schemas=SCHEMAS)
    ]


def no_statement_updates_a_distribution_column(office: Office) -> list[str]:
    return [
        f"{file} updates {column} of {table}"
        for file, table, changes in changes_in(office.files)
        for column in [office.layout.keys.get(table)]
        if column and re.search(rf"(?:^|,|\()\s*{column}\s*(?:=|,|\))", changes)
    ]


def no_update_of_a_table_on_many_nodes_is_volatile(office: Office) -> list[str]:
    many = {*office.layout.keys, *office.layout.reference}
    return [
        f"{file} updates {table} with {found.group(1)}"
        for file, table, changes in changes_in(office.files)
        for found in VOLATILE.finditer(changes)
        if table in many
    ]


def no_row_of_a_distributed_table_is_locked(office: Office) -> list[str]:
    spread = office.reading(*office.layout.keys)
    locking = re.compile(r"\bFOR\s+(NO\s+KEY\s+)?(UPDATE|(KEY\s+)?SHARE)\b", re.IGNORECASE)
    return [
        f"{file} locks rows of {table}"
        for file, text in statements(office.files)
        if locking.search(text)
        for table in spread
        if is_named(table, text)
    ]


# --- rules of a statement, by its tree ---


def spread_of(office: Office) -> Spread:
    layout = office.layout
    beside = {bare(table): bare(other) for table, other in layout.beside.items()}
    views = {}
    for _, text in of_a_cluster(office.files):
        for tree in trees_of(text):
            if isinstance(tree, exp.Create):
                views[name_of(tree.this.find(exp.Table) or tree.this)] = tree.expression
    return Spread(
        columns={bare(table): column for table, column in layout.keys.items()},
        groups={table: beside.get(other, other) for table, other in beside.items()},
        reference=frozenset(map(bare, layout.reference)),
        views=views,
    )


def bare(table: str) -> str:
    return table.removeprefix("public.")


def of_a_cluster(files: dict[str, str]) -> list[tuple[str, str]]:
    """What runs on a cluster: some files of its own in the place of those of that name."""
    instead = {
        name.replace("citus/", "schema/repeatable/") for name in files if name.startswith("citus/")
    }
    return [
        (name, text)
        for name, text in files.items()
        if not name.startswith(ONCE) and name not in instead
    ]


def trees_of(text: str) -> list[exp.Expr]:
    """Those of its queries that can be read; what changes the schema is left out, but for views."""
    found = []
    for command in commands_in(text):
        if QUERY.match(command):
            with suppress(ParseError):
                found.append(parsed(command))
    return found


def faults(office: Office, check: Check) -> list[str]:
    spread = spread_of(office)
    return [
        f"{file} {fault}"
        for file, text in of_a_cluster(office.files)
        for tree in trees_of(text)
        for fault in check(tree.expression if isinstance(tree, exp.Create) else tree, spread)
    ]


def checked_by(check: Any) -> Rule:  # noqa: ANN401 - a Check that has a name
    """The rule that a check of one statement makes."""

    def rule(office: Office) -> list[str]:
        return faults(office, check)

    rule.__name__ = check.__name__
    return rule


recursion = checked_by(citus_statements.recursion)
lookups = checked_by(citus_statements.lookups)
laterals = checked_by(citus_statements.laterals)
joins = checked_by(citus_statements.joins)
empty_lists = checked_by(citus_statements.empty_lists)
settled_values = checked_by(citus_statements.settled_values)
settings = checked_by(citus_statements.settings)
orders = checked_by(citus_statements.orders)
figures = checked_by(citus_statements.figures)
looked_up_changes = checked_by(citus_statements.looked_up_changes)


def numbers(office: Office) -> list[str]:
    numbered = frozenset(bare(row.name) for row in office.rows(NUMBERED))
    return faults(office, partial(citus_statements.numbers, numbered=numbered))


def scales(office: Office) -> list[str]:
    numeric: dict[str, set[str]] = {}
    for row in office.rows(NUMERIC):
        numeric.setdefault(bare(row.name), set()).add(row.column)
    return faults(office, partial(citus_statements.scales, numeric=numeric))


def no_sql_function_reads_by_its_parameters(office: Office) -> list[str]:
    """Citus can't plan a statement with a parameter, unless the function runs it by itself."""
    looked_up = {bare(table) for table in (*office.layout.keys, *office.layout.reference)}
    return [
        f"{file} lets {function.name} read {table} by its parameters, in SQL"
        for file, text in of_a_cluster(office.files)
        for function in functions_in(text)
        if function.language == "sql" and function.parameters
        for table in sorted(names(function.body, looked_up))
    ]


def no_function_reads_shards_from_a_shard(office: Office) -> list[str]:
    spread = {bare(table) for table in office.reading(*office.layout.keys)}
    reading = {
        function.name
        for _, text in of_a_cluster(office.files)
        for function in functions_in(text)
        if names(function.body, spread)
    }
    return faults(office, partial(citus_statements.calls, reading=reading))


def no_key_that_is_there_is_told_by_its_code(office: Office) -> list[str]:
    """In a COPY to the shards it is XX000."""
    spread = {bare(table) for table in office.layout.keys}
    return [
        f"{file} awaits unique_violation from {table}"
        for file, text in of_a_cluster(office.files)
        for function in functions_in(text)
        if "unique_violation" in function.body
        for table in sorted(names(function.body, spread))
    ]


def what_no_rule_reads_is_named(office: Office) -> list[str]:
    """A statement that can't be read, and a function that runs statements of its own."""
    spread = {bare(table) for table in office.reading(*office.layout.keys)}
    unread = {
        file
        for file, text in of_a_cluster(office.files)
        if names(unread_part_of(text), spread) and file not in SHOWN_ON_A_CLUSTER
    }
    return [f"{file} can't be read, and no test of a cluster is named" for file in sorted(unread)]


def unread_part_of(text: str) -> str:
    commands = [command for command in commands_in(text) if QUERY.match(command)]
    unread = [command for command in commands if not trees_of(command)]
    own = [function.body for function in functions_in(text) if function.language == "plpgsql"]
    return "\n".join([*unread, *own])


def what_no_case_shows_is_named(office: Office) -> list[str]:
    """The suite of a cluster runs the cases of data. What has none, another test of it runs."""
    spread = {bare(table) for table in office.reading(*office.layout.keys)}
    return [
        f"{file} has no case, and no test of a cluster is named"
        for file, text in statements(office.files)
        if names(text, spread) and not has_case(file) and file not in SHOWN_ON_A_CLUSTER
    ]


def has_case(file: str) -> bool:
    return not without_case({file})


def changes_in(files: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Each file with each table that it updates, on conflict or else, and what it sets of it."""
    for file, text in files.items():
        for found in [*UPDATE.finditer(text), *ON_CONFLICT.finditer(text)]:
            table = found.group(1)
            changes = text[found.end() : found.end() + length_of_changes(text[found.end() :])]
            yield file, table if "." in table else f"public.{table}", changes


def length_of_changes(text: str) -> int:
    """Up to what ends them; the FROM of a subquery does not."""
    depth = 0
    for found in CHANGES_END.finditer(text):
        depth += {"(": 1, ")": -1}.get(found.group(), 0)
        if depth < 0 or (depth == 0 and found.group() not in "()"):
            return found.start()
    return len(text)


def statements(files: dict[str, str]) -> list[tuple[str, str]]:
    """Those that are executed as the office works; the schema is there before it is distributed."""
    return [(file, text) for file, text in files.items() if not file.startswith(("schema/", NAME))]


def is_named(table: str, text: str) -> bool:
    bare = table.removeprefix("public.")
    return re.search(rf"(?<![\w.]){re.escape(bare)}(?![\w.])", text) is not None


@dataclass(frozen=True)
class Plant:
    """What is put in the way of a rule: in the schema, in the layout, or in a statement."""

    ddl: str = "SELECT"
    replaced: tuple[str, str] = ("", "")
    row: str = ""
    added: str = ""
    files: dict[str, str] = field(default_factory=dict)


def statement_says(text: str) -> Plant:
    return Plant(files={"merge/a": text})


TWINS = "CREATE TABLE staging.twin (seq {type}); "
BESIDE_EVENT = "(9, 'staging.twin', 'seq', 'staging.event'),"

PLANTED: list[tuple[Rule, Plant, str]] = [
    (every_table_has_one_place, Plant("CREATE TABLE staging.extra (id bigint)"), "staging.extra"),
    (every_table_has_one_place, Plant("CREATE TABLE extra (id int)"), "public.extra has no place"),
    (every_table_has_one_place, Plant(added="-- local: staging.gone: why"), "gone is no table"),
    (every_table_has_one_place, Plant(added="-- local: public.claim: why"), "claim has two places"),
    (
        every_table_has_one_place,
        Plant(replaced=("(1, 'public.patient', NULL, NULL),", "")),
        "public.patient has no place",
    ),
    (
        keys_contain_the_distribution_column,
        Plant("CREATE UNIQUE INDEX claim_code ON claim (code)"),
        "claim_code of public.claim",
    ),
    (
        keys_contain_the_distribution_column,
        Plant("CREATE UNIQUE INDEX claim_code ON claim (code) INCLUDE (id)"),
        "claim_code of public.claim",
    ),
    (
        keys_contain_the_distribution_column,
        Plant("CREATE UNIQUE INDEX only_here ON staging.outcome_default (run_id)"),
        "only_here of staging.outcome",
    ),
    (
        keys_contain_the_distribution_column,
        Plant("ALTER TABLE diagnose ADD EXCLUDE USING btree (patient_id WITH =)"),
        "of public.diagnose",
    ),
    (
        keys_contain_the_distribution_column,
        Plant(replaced=("'public.claim', 'id'", "'public.claim', 'patient_id'")),
        "claim_pkey of public.claim",
    ),
    (
        a_distribution_column_is_plain,
        Plant(
            "ALTER TABLE claim ADD half bigint NOT NULL GENERATED ALWAYS AS (id / 2) STORED",
            ("'public.claim', 'id'", "'public.claim', 'half'"),
        ),
        "public.claim.half is generated",
    ),
    (
        a_distribution_column_is_plain,
        Plant("ALTER TABLE staging.event ALTER seq DROP IDENTITY, ALTER seq DROP NOT NULL"),
        "staging.event.seq can be NULL",
    ),
    (
        a_distribution_column_is_plain,
        Plant(replaced=("'public.diagnose', 'id'", "'public.diagnose', 'number'")),
        "public.diagnose has no number",
    ),
    (
        colocated_columns_are_alike,
        Plant(TWINS.format(type="integer NOT NULL"), row=BESIDE_EVENT),
        "staging.twin.seq is not like staging.event.seq",
    ),
    (
        colocated_columns_are_alike,
        Plant(
            TWINS.format(type='text COLLATE "C"') + "CREATE TABLE staging.other (seq text)",
            row="(8, 'staging.twin', 'seq', 'none'), (9, 'staging.other', 'seq', 'staging.twin'),",
        ),
        "staging.other.seq is not like staging.twin.seq",
    ),
    (
        colocated_columns_are_alike,
        Plant(replaced=("'seq', 'staging.event'", "'seq', 'public.patient'")),
        "staging.outcome is beside public.patient",
    ),
    (
        foreign_keys_stay_within_a_node,
        Plant(
            "ALTER TABLE staging.outcome ADD CONSTRAINT f FOREIGN KEY (run_id)"
            " REFERENCES staging.merge_run (run_id)"
        ),
        "f of staging.outcome refers to staging.merge_run",
    ),
    (
        foreign_keys_stay_within_a_node,
        Plant(
            "ALTER TABLE analytics.dirty_window ADD CONSTRAINT f FOREIGN KEY (mark_id)"
            " REFERENCES claim (id)"
        ),
        "f of analytics.dirty_window refers to public.claim",
    ),
    (
        foreign_keys_stay_within_a_node,
        Plant("ALTER TABLE patient ADD FOREIGN KEY (id) REFERENCES claim (id) NOT VALID"),
        "patient_id_fkey of public.patient refers to public.claim",
    ),
    (
        foreign_keys_stay_within_a_node,
        Plant(
            "ALTER TABLE diagnose ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES claim (id)",
            ("'id', 'public.claim'", "'id', 'none'"),
        ),
        "f of public.diagnose refers to public.claim",
    ),
    (
        foreign_keys_stay_within_a_node,
        Plant(
            "ALTER TABLE diagnose ADD CONSTRAINT f FOREIGN KEY (patient_id) REFERENCES claim (id)",
        ),
        "f of public.diagnose refers to public.claim",
    ),
    (
        no_table_has_a_trigger,
        Plant(
            "CREATE TRIGGER t BEFORE UPDATE ON claim FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        ),
        "claim has the trigger t",
    ),
    (
        no_statement_updates_a_distribution_column,
        Plant(files={"merge/a": "UPDATE claim AS c SET price = 1, id = 2 WHERE c.id = 1"}),
        "merge/a updates id of public.claim",
    ),
    (
        no_statement_updates_a_distribution_column,
        Plant(files={"merge/a": "UPDATE staging.outcome SET (fate, seq) = ('merged', 1)"}),
        "merge/a updates seq of staging.outcome",
    ),
    (
        no_statement_updates_a_distribution_column,
        Plant(
            files={
                "merge/a": "INSERT INTO claim SELECT 1 FROM b WHERE c ON CONFLICT (id) DO UPDATE\n"
                "SET id = excluded.id"
            }
        ),
        "merge/a updates id of public.claim",
    ),
    (
        no_update_of_a_table_on_many_nodes_is_volatile,
        Plant(files={"merge/a": "UPDATE diagnose SET tsp = clock_timestamp() WHERE id = 1"}),
        "merge/a updates public.diagnose with clock_timestamp",
    ),
    (
        no_update_of_a_table_on_many_nodes_is_volatile,
        Plant(row="(1, 'staging.merge_run', NULL, NULL),"),
        "merge/close_run updates staging.merge_run with clock_timestamp",
    ),
    (
        no_row_of_a_distributed_table_is_locked,
        Plant(files={"merge/a": "SELECT c.id FROM claim AS c FOR NO KEY UPDATE"}),
        "merge/a locks rows of public.claim",
    ),
    (
        no_row_of_a_distributed_table_is_locked,
        Plant(files={"merge/a": "SELECT seq FROM audit.rejected FOR UPDATE"}),
        "merge/a locks rows of audit.rejected",
    ),
    (
        recursion,
        statement_says("WITH RECURSIVE a AS (SELECT c.id FROM claim AS c) SELECT a.id FROM a"),
        "merge/a reads a spread table recursively",
    ),
    (
        lookups,
        statement_says(
            "SELECT r.run_id FROM staging.merge_run AS r WHERE NOT EXISTS"
            " (SELECT o.seq FROM staging.outcome AS o WHERE o.run_id = r.run_id)"
        ),
        "merge/a looks a spread table up for rows that are not spread",
    ),
    (
        lookups,
        statement_says(
            "WITH a AS MATERIALIZED (SELECT e.seq FROM staging.event AS e) SELECT a.seq,"
            " (SELECT min(o.fate) FROM staging.outcome AS o WHERE o.seq = a.seq) AS fate FROM a"
        ),
        "merge/a looks a spread table up for rows that are not spread",
    ),
    (
        lookups,
        statement_says(
            "WITH a AS (SELECT 1 AS one) SELECT e.seq FROM staging.event AS e CROSS JOIN a"
            " WHERE EXISTS (SELECT o.seq FROM staging.outcome AS o WHERE o.seq = e.seq)"
        ),
        "merge/a looks a spread table up beside a step",
    ),
    (
        laterals,
        statement_says(
            "SELECT d.file_name, e.seq FROM staging.archived_day AS d CROSS JOIN LATERAL ("
            "SELECT e.seq FROM staging.event AS e WHERE e.received_at < d.ends_at LIMIT 1) AS e"
        ),
        "merge/a reads a spread table laterally",
    ),
    (
        laterals,
        statement_says(
            "SELECT c.id, f.tsp FROM claim AS c LEFT JOIN LATERAL (SELECT min(d.tsp) AS tsp"
            " FROM diagnose AS d WHERE d.patient_id = c.patient_id) AS f ON TRUE"
        ),
        "merge/a reads a spread table laterally",
    ),
    (
        joins,
        statement_says(
            "SELECT o.seq FROM staging.outcome AS o INNER JOIN claim AS c ON o.entity_id = c.id"
        ),
        "merge/a joins c and o, and not by what they are spread by",
    ),
    (
        joins,
        Plant(
            files={
                "schema/repeatable/200_a": "CREATE VIEW audit.a AS SELECT a.id FROM claim AS a"
                " INNER JOIN claim AS b ON a.patient_id = b.patient_id;"
            }
        ),
        "schema/repeatable/200_a joins a and b",
    ),
    (
        empty_lists,
        statement_says(
            "SELECT e.seq FROM staging.event AS e WHERE EXISTS (SELECT FROM staging.archived_day)"
        ),
        "merge/a asks for no column",
    ),
    (
        settled_values,
        statement_says(
            "INSERT INTO staging.look_back (stream, after_seq, after_at)"
            " VALUES ('claim', (SELECT max(e.seq) FROM staging.event AS e), now())"
        ),
        "merge/a inserts what a step reads from a spread table, without a FROM",
    ),
    (
        settings,
        statement_says(
            "SELECT e.seq FROM staging.event AS e"
            " WHERE e.received_at < current_setting('office.until')::timestamptz"
        ),
        "merge/a reads a setting that the nodes don't have",
    ),
    (
        numbers,
        statement_says(
            "WITH a AS (SELECT c.tsp FROM claim AS c)"
            " INSERT INTO analytics.dirty_window (window_start) SELECT DISTINCT a.tsp FROM a"
        ),
        "merge/a numbers rows before it leaves some out",
    ),
    (
        scales,
        statement_says(
            "INSERT INTO analytics.revenue_candidate (quality_run_id, revenue)"
            " SELECT 1, sum(c.price) FROM claim AS c"
        ),
        "merge/a gives revenue a number without its scale",
    ),
    (
        orders,
        Plant(
            files={
                "schema/repeatable/200_a": "CREATE VIEW audit.a AS"
                " SELECT e.seq FROM staging.event AS e ORDER BY e.seq;",
                "merge/a": "SELECT a.seq FROM audit.a AS a LIMIT 1",
            }
        ),
        "merge/a takes the first of audit.a by the order of that view",
    ),
    (
        figures,
        statement_says(
            "UPDATE analytics.revenue_by_diagnosis AS r SET revenue = r.revenue + 1 WHERE TRUE"
        ),
        "merge/a adds to revenue",
    ),
    (
        looked_up_changes,
        statement_says(
            "DELETE FROM analytics.backfilled_diagnosis AS b WHERE NOT EXISTS (SELECT 1"
            " FROM analytics.tracked_diagnosis AS t WHERE t.icd10_code = b.icd10_code)"
        ),
        "merge/a reads analytics.tracked_diagnosis while it changes analytics.backfilled_diagnosis",
    ),
    (
        no_sql_function_reads_by_its_parameters,
        Plant(
            files={
                "schema/repeatable/200_a": "CREATE FUNCTION staging.a(n bigint) RETURNS text"
                " LANGUAGE sql STABLE AS $$ SELECT code FROM claim WHERE id = n $$;"
            }
        ),
        "schema/repeatable/200_a lets staging.a read claim by its parameters",
    ),
    (
        no_function_reads_shards_from_a_shard,
        Plant(
            files={
                "schema/repeatable/200_a": "CREATE FUNCTION staging.a(n bigint) RETURNS text"
                " LANGUAGE plpgsql STABLE AS $$ BEGIN"
                " RETURN (SELECT code FROM claim WHERE id = n); END $$;",
                "merge/a": "SELECT staging.a(e.seq) FROM staging.event AS e",
            }
        ),
        "merge/a calls staging.a, which reads spread tables, for rows of one",
    ),
    (
        no_key_that_is_there_is_told_by_its_code,
        Plant(
            files={
                "schema/repeatable/200_a": "CREATE FUNCTION staging.a() RETURNS void"
                " LANGUAGE plpgsql AS $$ BEGIN INSERT INTO claim SELECT 1;"
                " EXCEPTION WHEN unique_violation THEN NULL; END $$;"
            }
        ),
        "schema/repeatable/200_a awaits unique_violation from claim",
    ),
    (
        what_no_rule_reads_is_named,
        statement_says("SELECT c.id FROM claim AS c WHERE c.price ? ? 1"),
        "merge/a can't be read",
    ),
    (
        what_no_rule_reads_is_named,
        Plant(
            files={
                "schema/repeatable/200_a": "CREATE FUNCTION staging.a() RETURNS void"
                " LANGUAGE plpgsql AS $$ BEGIN PERFORM id FROM claim; END $$;"
            }
        ),
        "schema/repeatable/200_a can't be read",
    ),
    (what_no_case_shows_is_named, statement_says("SELECT c.id FROM claim AS c"), "has no case"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in PLANTED))
ALLOWED: list[tuple[Rule, Plant]] = [
    # Among co-located tables, by what they are distributed by.
    (
        foreign_keys_stay_within_a_node,
        Plant(
            "ALTER TABLE diagnose ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES claim (id)",
        ),
    ),
    (
        no_statement_updates_a_distribution_column,
        Plant(files={"merge/a": "UPDATE claim SET patient_id = 2 WHERE id = 1 AND price = 3"}),
    ),
    (
        no_update_of_a_table_on_many_nodes_is_volatile,
        Plant(files={"merge/a": "INSERT INTO claim VALUES (1) RETURNING clock_timestamp()"}),
    ),
    (no_row_of_a_distributed_table_is_locked, Plant(files={"a": "SELECT FOR UPDATE FROM claims"})),
    (
        lookups,
        statement_says(
            "SELECT e.seq FROM staging.event AS e WHERE NOT EXISTS"
            " (SELECT FROM staging.outcome AS o WHERE o.seq = e.seq)"
        ),
    ),
    (
        laterals,
        statement_says(
            "SELECT o.seq, e.payload FROM staging.outcome AS o CROSS JOIN LATERAL"
            " (SELECT e.payload FROM staging.event AS e WHERE e.seq = o.seq LIMIT 1) AS e"
        ),
    ),
    (
        joins,
        statement_says(
            "SELECT c.id FROM claim AS c INNER JOIN staging.claim_judged AS j ON j.key = c.id"
            " INNER JOIN patient AS p ON c.patient_id = p.id"
        ),
    ),
    (
        numbers,
        statement_says(
            "INSERT INTO analytics.dirty_window (window_start)"
            " SELECT c.tsp FROM claim AS c GROUP BY c.tsp"
        ),
    ),
    (
        scales,
        statement_says(
            "INSERT INTO analytics.revenue_candidate (quality_run_id, revenue)"
            " SELECT 1, sum(c.price)::numeric(30, 2) FROM claim AS c"
        ),
    ),
    (
        orders,
        statement_says("SELECT w.price FROM audit.window_claims AS w ORDER BY w.claim_id LIMIT 1"),
    ),
]


class UndoError(Exception):
    """Ends a transaction without a trace."""


@contextmanager
def planted(database: Database, plant: Plant) -> Iterator[Office]:
    text = layout_sql()
    assert plant.replaced[0] in text
    text = text.replace(*plant.replaced, 1) if plant.replaced[0] else text
    text = text.replace("VALUES\n", f"VALUES\n{plant.row}\n", 1)
    with suppress(UndoError), database.transaction() as cursor:
        cursor.execute(plant.ddl)
        layout = layout_of(cursor, f"{text}\n{plant.added}")
        yield Office(cursor, layout, all_files() | plant.files)
        raise UndoError


def all_files() -> dict[str, str]:
    """All statements, without their comments; one of each stream is as many statements in a row."""
    files: dict[str, str] = {}
    for name, stream in for_each_stream(all_statements()):
        bare = re.sub(r"--.*", "", statement(name, stream))
        files[name] = f"{files[name]};\n{bare}" if name in files else bare
    return files


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_office_keeps_the_rule(database: Database, rule: Rule) -> None:
    with planted(database, Plant()) as office:
        assert rule(office) == []


@pytest.mark.parametrize(
    ("rule", "plant", "report"), PLANTED, ids=[rule.__name__ for rule, _, _ in PLANTED]
)
def test_a_planted_violation_is_reported(
    database: Database, rule: Rule, plant: Plant, report: str
) -> None:
    with planted(database, plant) as office:
        found = rule(office)
    assert len(found) == 1, found
    assert report in found[0]


@pytest.mark.parametrize(("rule", "plant"), ALLOWED, ids=[rule.__name__ for rule, _ in ALLOWED])
def test_what_is_allowed_is_not_reported(database: Database, rule: Rule, plant: Plant) -> None:
    with planted(database, plant) as office:
        assert rule(office) == []


def test_what_is_named_is_there() -> None:
    assert set(SHOWN_ON_A_CLUSTER) <= set(all_files())


def test_the_updates_of_the_office_are_seen() -> None:
    seen = {(file, table) for file, table, _ in changes_in(all_files())}
    assert seen >= {
        ("merge/close_run", "staging.merge_run"),
        ("audit/rebuild/put_rows_right", "public.diagnose"),
        ("revenue/publish", "analytics.revenue_by_diagnosis"),
    }
    last = {file: changes for file, _, changes in changes_in(all_files())}["revenue/close_run"]
    assert "finished_at" in last
