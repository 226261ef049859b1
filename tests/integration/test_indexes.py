"""Each index of the tables that grow has a statement that needs it: the plan names the index."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

import adminer
from benchmarks.base import fill_history
from integration.events import rows
from pipeline.core.database import Database
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.core.statements import statement

CLAIMS = 80_000
MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)
"""The history ends here; it fills the day before and reaches into the one before that."""
AN_HOUR_BEFORE = MIDNIGHT - timedelta(hours=1)
LAST_SEQ = CLAIMS + CLAIMS // 10
LAST_RUN = 2 * LAST_SEQ // 200

# An index of a partition counts as the index of the table.
INDEXES = """
    SELECT x.indexrelid::regclass::text
    FROM pg_index AS x
    INNER JOIN pg_class AS c ON x.indexrelid = c.oid
    INNER JOIN pg_class AS t ON x.indrelid = t.oid
    LEFT JOIN pg_inherits AS i ON t.oid = i.inhrelid
    WHERE NOT c.relispartition AND coalesce(i.inhparent, t.oid) = any(%s::regclass[])
    """
INDEX_OF_TABLE = """
    SELECT c.relname, coalesce(i.inhparent, c.oid)::regclass::text
    FROM pg_class AS c
    LEFT JOIN pg_inherits AS i ON c.oid = i.inhrelid
    WHERE c.relkind IN ('i', 'I')
    """
GROWING = ["staging.event", "staging.outcome", "claim", "diagnose"]


class Use(NamedTuple):
    """A statement, and what it is asked with."""

    text: str
    parameters: Mapping[str, Any] | None = None


def use(name: str, stream: str | None = None, **parameters: object) -> Use:
    """A statement of the project."""
    return Use(statement(name, stream), {"stream": stream, **parameters})


def count_arrivals(**parameters: object) -> Use:
    """The query in staging.count_arrivals: a plan does not show what a function reads."""
    text = statement("schema/repeatable/168_arrivals")
    end = ") AS arrival"
    query = text[text.index("SELECT count(*)") : text.index(end) + len(end)]
    for name in parameters:
        query = query.replace(name, f"%({name})s")
    return Use(query, parameters)


# Who uses an index, also in docs/operating.md. One of its users is enough here.
USERS: dict[str, Use] = {
    "staging.event_seq": use(
        "merge/next_ahead",
        "claim",
        taken_seq=LAST_SEQ - 1_000,
        received_from=AN_HOUR_BEFORE,
        batch_size=100,
    ),
    "staging.event_received_at": count_arrivals(
        of_stream="claim",
        after_time=MIDNIGHT - timedelta(minutes=1),
        until_time=MIDNIGHT,
        most=None,
    ),
    "staging.outcome_pkey": use(
        "merge/next_sweep",
        "claim",
        received_from=MIDNIGHT - timedelta(days=2),
        batch_size=100,
        began_seq=LAST_SEQ,
        taken_from=MIDNIGHT,
    ),
    "staging.outcome_entity": use(
        "audit/explain/raw_rows", "claim", id=7, passed_seq=LAST_SEQ, pending_from=MIDNIGHT
    ),
    "staging.outcome_run_range": use(
        "audit/verify/068_batch_counts_its_outcomes", first_run_id=LAST_RUN - 10
    ),
    "staging.outcome_set_aside": Use(adminer.page("conflicts")),
    "staging.outcome_reason": Use(adminer.page("raw_vs_clean", ("reason", "=", "bad_price"))),
    "staging.outcome_rejected": use("report/rejected", since=MIDNIGHT - timedelta(days=30)),
    "claim_pkey": use("merge/merge_rows/020_judge_rows", "claim", work_id=1),
    "claim_tsp": use(
        "revenue/compute_candidate",
        quality_run_id=1,
        since=AN_HOUR_BEFORE,
        until=MIDNIGHT,
        now=MIDNIGHT,
    ),
    "claim_patient_tsp": use(
        "merge/merge_rows/050_mark_windows", "diagnose", work_id=1, run_id=LAST_RUN
    ),
    "diagnose_pkey": use("merge/merge_rows/020_judge_rows", "diagnose", work_id=1),
    "diagnose_code_patient_tsp": Use(adminer.page("window_claims", ("claim_id", "=", "5001"))),
    "diagnose_tsp": use(
        "quality/slice_rows",
        "diagnose",
        windows=[AN_HOUR_BEFORE],
        since=AN_HOUR_BEFORE,
        until=MIDNIGHT,
    ),
}


@pytest.fixture(scope="module")
def office(shared_database_url: str) -> Iterator[Database]:
    """Two days of history."""
    fill_history(shared_database_url, CLAIMS, MIDNIGHT)
    with closing(Database(shared_database_url)) as database:
        yield database


@pytest.fixture(scope="module")
def index_of_table(office: Database) -> dict[str, str]:
    """By the name of each index: the table's index that it is, or is a part of."""
    return dict(rows(office, INDEX_OF_TABLE))


def test_each_index_has_a_user(office: Database) -> None:
    with office.transaction() as cursor:
        cursor.execute(INDEXES, (GROWING,))
        assert {name for (name,) in cursor.fetchall()} == USERS.keys()


def test_the_documents_name_each_index() -> None:
    text = (PROJECT_FOLDER / "docs" / "operating.md").read_text(encoding="utf-8")
    assert [name for name in USERS if f"`{name.removeprefix('staging.')}`" not in text] == []


@pytest.mark.parametrize("index", USERS)
def test_a_statement_uses_the_index(
    office: Database, index_of_table: dict[str, str], index: str
) -> None:
    text, parameters = USERS[index]
    with office.transaction() as cursor:
        cursor.execute("SET LOCAL search_path TO audit, public")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {text}", parameters)
        [(explained,)] = cursor.fetchall()
    assert index in {index_of_table[name] for name in used(explained[0]["Plan"])}


def used(plan: dict[str, Any]) -> Iterator[str]:
    """The indexes that a plan names."""
    if "Index Name" in plan:
        yield plan["Index Name"]
    for child in plan.get("Plans", []):
        yield from used(child)
