"""The audit views as people see them in Adminer: their order, their words, and what they cost."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

import adminer
from benchmarks.rows import fill
from integration.events import claim, rows, stage, stage_and_merge, table_of
from pipeline.core.contract import REASONS
from pipeline.core.database import Database

ROWS = 20_000
OF_A_CLAIM = ("entity_id", "=", "5001")
# Of a page's rows, and of those that each is looked up among.
FEW = 2_000
GROWING = {"event", "outcome", "claim", "diagnose"}

QUICK = {
    "first page": adminer.page("raw_vs_clean"),
    "later page": adminer.page("raw_vs_clean", number=5),
    "by id": adminer.page("raw_vs_clean", OF_A_CLAIM),
    "by stream and id": adminer.page("raw_vs_clean", ("stream", "=", "claim"), OF_A_CLAIM),
    "by id, counted": adminer.count("raw_vs_clean", OF_A_CLAIM),
    "by raw row": adminer.page("raw_vs_clean", ("seq", "=", "4711")),
    "by batch": adminer.page("raw_vs_clean", ("run_id", "=", "77")),
    "by reason": adminer.page("raw_vs_clean", ("reason", "=", "bad_price")),
    "conflicts": adminer.page("conflicts"),
    "conflicts of an id": adminer.page("conflicts", OF_A_CLAIM),
    "rejected": adminer.page("rejected"),
    "rejected for a reason": adminer.page("rejected", ("reason", "=", "bad_price")),
    "figures": adminer.page("window_claims"),
    "a figure": adminer.page("window_claims", ("window_start", "=", "2026-01-01 02:20")),
    "figures of a claim": adminer.page("window_claims", ("claim_id", "=", "5001")),
}


@pytest.fixture(scope="module")
def many_rows(shared_database_url: str) -> Iterator[Database]:
    with closing(Database(shared_database_url)) as database:
        fill(database, ROWS)
        yield database


def rows_read(database: Database, query: str) -> float:
    """How many rows of the growing tables a query reads, those that are filtered out included."""
    with database.transaction() as cursor:
        cursor.execute(adminer.schema("audit"))
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT json) {query}")
        [(plan,)] = cursor.fetchall()
    read: float = sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in nodes(plan[0]["Plan"])
        if table_of(node.get("Relation Name", "")) in GROWING
    )
    return read


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)


@pytest.mark.parametrize("query", QUICK.values(), ids=QUICK)
def test_what_adminer_asks_reads_few_rows(many_rows: Database, query: str) -> None:
    assert rows_read(many_rows, query) < FEW


@pytest.mark.parametrize(
    "query",
    [
        adminer.page("raw_vs_clean", order=['"payload"']),
        adminer.page("raw_vs_clean", ("payload", "LIKE %%", "nowhere")),
        "SELECT count(*) FROM staging.event",
    ],
)
def test_what_reads_a_whole_table_is_noticed(many_rows: Database, query: str) -> None:
    assert rows_read(many_rows, query) >= ROWS


def test_each_view_shows_the_newest_first(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, price=1), claim(1, price=2), claim(1, price=3))
    stage_and_merge(database, "claim", b"oops", b"[]")
    stage(database, "claim", claim(2))
    assert seqs(database, "raw_vs_clean") == [6, 5, 4, 3, 2, 1]
    assert seqs(database, "conflicts") == [3, 2]
    assert seqs(database, "rejected") == [5, 4]


def seqs(database: Database, view: str) -> list[int]:
    """The raw rows that Adminer's first page of a view shows, from top to bottom."""
    with database.transaction() as cursor:
        cursor.execute(adminer.schema("audit"))
        cursor.execute(adminer.page(view))
        return [seq for seq, *_ in cursor.fetchall()]


def test_the_reasons_words_are_the_same_in_the_database_and_in_the_terminal(
    shared_database_url: str,
) -> None:
    with closing(Database(shared_database_url)) as database:
        said = rows(database, "SELECT reason, meaning FROM staging.reject_reason")
    assert dict(said) == REASONS


def as_auditor(database: Database, query: str, *values: str) -> list[Any]:
    """What Adminer is told, once the auditor has logged in and chosen the schema audit."""
    with database.transaction() as cursor:
        cursor.execute("SET LOCAL SESSION AUTHORIZATION office_auditor")
        cursor.execute(adminer.schema("audit"))
        cursor.execute(query, values or None)
        return cursor.fetchall()


def test_the_auditor_finds_every_view_in_adminer_with_its_comment(many_rows: Database) -> None:
    listed = {row.table_name for row in as_auditor(many_rows, adminer.TABLES)}
    comments = {row.Name: row.Comment for row in as_auditor(many_rows, adminer.STATUS)}
    assert listed == {
        "archived",
        "conflicts",
        "erased",
        "raw_vs_clean",
        "reconciliation",
        "rejected",
        "replayed",
        "window_claims",
    }
    assert all(comments[view] for view in listed)


@pytest.mark.parametrize("query", QUICK.values(), ids=QUICK)
def test_the_auditor_may_look(many_rows: Database, query: str) -> None:
    as_auditor(many_rows, query)
