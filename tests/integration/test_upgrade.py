"""A database of commit 5403e04, from before the baseline, is upgraded with all its data."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from integration.events import merge, rows
from integration.suites import OfficeWithSuites, copy_suites
from pipeline.audit.rebuild import rebuild
from pipeline.audit.verify import recorded_files, verify, verify_files
from pipeline.core.database import Database
from pipeline.core.window import EARLIEST
from pipeline.quality.cycle import run_cycle
from pipeline.schema.migrate import apply_schema

pytestmark = [
    # The library and its own dependencies, not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HERE = Path(__file__).parent / "upgrade"
TOLD: dict[str, Any] = json.loads((HERE / "told.json").read_text(encoding="utf-8"))
LATER = datetime(2026, 5, 4, tzinfo=UTC)

FIGURES = """
    SELECT window_start, category, revenue, claims, patients
    FROM analytics.revenue_by_diagnosis ORDER BY window_start, category
    """
RECONCILIATION = "SELECT * FROM audit.reconciliation ORDER BY stream"
FATES = "SELECT fate, reason, count(*) FROM staging.outcome GROUP BY fate, reason ORDER BY 1, 2"
HELD = """
    SELECT DISTINCT c.window_start FROM analytics.revenue_candidate AS c
    JOIN analytics.dirty_window AS d ON c.mark_id = d.mark_id ORDER BY 1
    """

# What a database consists of: one row per column, index, constraint, view and the like.
CATALOG = {
    "columns": """
        SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute AS a JOIN pg_class AS c ON a.attrelid = c.oid
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE {ours} AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v')
        """,
    "indexes": """
        SELECT c.oid::regclass::text, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
        FROM pg_index AS i JOIN pg_class AS c ON i.indrelid = c.oid WHERE {ours}
        """,
    "constraints": """
        SELECT c.oid::regclass::text, k.conname, pg_get_constraintdef(k.oid)
        FROM pg_constraint AS k JOIN pg_class AS c ON k.conrelid = c.oid WHERE {ours}
        """,
    "views": """
        SELECT c.oid::regclass::text, pg_get_viewdef(c.oid) FROM pg_class AS c
        WHERE {ours} AND c.relkind = 'v'
        """,
    "rights": """
        SELECT c.oid::regclass::text, unnest(c.relacl)::text FROM pg_class AS c WHERE {ours}
        """,
    "comments": """
        SELECT c.oid::regclass::text, d.objsubid, d.description
        FROM pg_description AS d JOIN pg_class AS c ON d.objoid = c.oid WHERE {ours}
        """,
    "functions": """
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), obj_description(p.oid),
            p.proacl::text
        FROM pg_proc AS p
        WHERE p.pronamespace IN ('staging'::regnamespace, 'analytics'::regnamespace)
        """,
    "statistics": "SELECT stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext",
}
OURS = """
    c.relnamespace IN (SELECT oid FROM pg_namespace
        WHERE nspname IN ('public', 'staging', 'analytics', 'audit'))
    AND c.relname !~ '_(\\d{8}|before_\\d{8})(_|$)'
    """


@pytest.fixture
def earlier(empty_database_url: str) -> Iterator[Database]:
    """The office as commit 5403e04 left it."""
    program = next(Path(sys.prefix).rglob("pginstall18/bin/psql"))
    dump = gzip.decompress((HERE / "office.sql.gz").read_bytes())
    command = [str(program), "--quiet", "--set=ON_ERROR_STOP=1", empty_database_url]
    subprocess.run(command, input=dump, check=True, stdout=subprocess.DEVNULL)
    with closing(Database(empty_database_url)) as database:
        yield database


def told(database: Database, query: str) -> list[list[Any]]:
    """The rows of a query as the file has them."""
    found: list[list[Any]] = json.loads(json.dumps(rows(database, query), default=str))
    return found


def broken(database: Database) -> list[str]:
    promises = database.run(verify, snapshot=True)
    files = database.run(partial(recorded_files, since=EARLIEST))
    return [each.name for each in [*promises, verify_files(files, HERE)] if not each.holds]


def catalog(database: Database) -> dict[str, set[tuple[Any, ...]]]:
    return {name: set(rows(database, query.format(ours=OURS))) for name, query in CATALOG.items()}


def test_everything_is_there_after_the_upgrade(earlier: Database) -> None:
    apply_schema(earlier)
    assert told(earlier, FIGURES) == TOLD["figures"]
    assert told(earlier, RECONCILIATION) == TOLD["reconciliation"]
    assert told(earlier, FATES) == TOLD["fates"]
    assert told(earlier, HELD) == TOLD["held_back"]
    held_back = "SELECT window_start FROM analytics.held_back_window ORDER BY 1"
    assert told(earlier, held_back) == TOLD["held_back"]
    assert broken(earlier) in ([], ["090_no_window_is_overdue"])


def test_the_office_goes_on_after_the_upgrade(earlier: Database, tmp_path: Path) -> None:
    apply_schema(earlier)
    merge(earlier)
    assert rows(earlier, "SELECT sum(pending) FROM audit.reconciliation") == [(0,)]
    office = OfficeWithSuites(earlier, copy_suites(tmp_path / "suites"), tmp_path / "reports")
    result = run_cycle(earlier, office.make_checker(), now=LATER, batch_size=100)
    # The held-back window is published: a price above 10,000 is a warning in these suites.
    assert result.verdict == "published"
    assert broken(earlier) == []
    assert rebuild(earlier, batch_size=100, is_applied=False, archive=HERE).differences == []


def test_an_upgrade_comes_to_the_schema_of_a_new_database(
    earlier: Database, database: Database
) -> None:
    apply_schema(earlier)
    upgraded, fresh = catalog(earlier), catalog(database)
    assert min(map(len, fresh.values())) > 0
    for name in CATALOG:
        assert upgraded[name] - fresh[name] == set(), name
        assert fresh[name] - upgraded[name] == set(), name


def test_a_difference_between_schemas_would_be_seen(database: Database) -> None:
    before = catalog(database)
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE staging.merge_run ALTER contract DROP DEFAULT")
        cursor.execute("DROP INDEX staging.outcome_rejected")
        cursor.execute("COMMENT ON VIEW audit.rejected IS 'Otherwise.'")
    after = catalog(database)
    assert {name for name in CATALOG if before[name] != after[name]} == {
        "columns",
        "indexes",
        "comments",
    }


def test_an_upgrade_is_done_once(earlier: Database) -> None:
    apply_schema(earlier)
    applied = "SELECT name, applied_at FROM schema_version ORDER BY name"
    before = rows(earlier, applied)
    apply_schema(earlier)
    assert rows(earlier, applied) == before
