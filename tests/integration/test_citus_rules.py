"""Citus's rules, held against the schema and the statements on a plain PostgreSQL.

A rule is a function from the catalogs, the layout and the SQL files to the violations in them; each
is shown to fail on a planted one. What Citus makes of it, only Citus can show: see test_citus.py.
What no statement may say in any place (SKIP LOCKED, ctid, advisory locks, MERGE, CREATE TRIGGER) is
for unit/test_dependency_rules.py.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from integration.citus import NAME, Layout, layout_of, layout_sql
from pipeline.core.database import Database
from pipeline.core.statements import Cursor, all_statements, for_each_stream, statement

SCHEMAS = ["public", "staging", "analytics", "audit"]
# What may be different at each look, which Citus would have to do the same on every node.
VOLATILE = re.compile(r"\b(clock_timestamp|timeofday|random|gen_random_uuid|uuidv[47]|nextval)\(")
UPDATE = re.compile(r"\bUPDATE\s+([\w.]+)(?:\s+AS\s+\w+)?\s+SET\b", re.IGNORECASE)
ON_CONFLICT = re.compile(
    r"\bINSERT\s+INTO\s+([\w.]+)(?:(?!\bINSERT\b).)*?\bDO\s+UPDATE\s+SET\b",
    re.IGNORECASE | re.DOTALL,
)
CHANGES_END = re.compile(r"[()]|\b(?:FROM|WHERE|RETURNING)\b", re.IGNORECASE)

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


def test_the_updates_of_the_office_are_seen() -> None:
    seen = {(file, table) for file, table, _ in changes_in(all_files())}
    assert seen >= {
        ("merge/close_run", "staging.merge_run"),
        ("audit/rebuild/put_rows_right", "public.diagnose"),
        ("revenue/publish", "analytics.revenue_by_diagnosis"),
    }
    last = {file: changes for file, _, changes in changes_in(all_files())}["revenue/close_run"]
    assert "finished_at" in last
