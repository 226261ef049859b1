"""What the pages and the status read stays small however many raw rows there are."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from benchmarks.rows import fill
from pipeline.database import Database
from pipeline.statements import statement

# Grows with every arrival.
HISTORY = {"event", "outcome", "claim", "diagnose"}

AT_THE_END = """
    UPDATE staging.merge_cursor
    SET taken_seq = last.seq, passed_seq = last.seq, taken_at = now(), passed_at = now()
    FROM (SELECT max(seq) AS seq FROM staging.event) AS last
    """


@pytest.fixture(scope="module")
def filled(shared_database_url: str) -> Iterator[Database]:
    with closing(Database(shared_database_url)) as database:
        fill(database, 20_000)
        with database.transaction() as cursor:
            cursor.execute(AT_THE_END)
        yield database


@pytest.mark.parametrize("name", ["status/streams", "report/arrivals", "report/rejected"])
def test_no_raw_layer_is_read_in_full(filled: Database, name: str) -> None:
    assert HISTORY & read_in_full(filled, statement(name)) == set()


def test_a_count_of_all_rows_is_noticed(filled: Database) -> None:
    counting = "SELECT count(*) FROM staging.event"
    assert read_in_full(filled, f"{counting} WHERE payload > ''") >= {"event"}


def read_in_full(database: Database, query: str) -> set[str]:
    """The tables that the plan reads from one end to the other."""
    with database.transaction() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}")
        [(plans,)] = cursor.fetchall()
    nodes = nodes_of(plans[0]["Plan"])
    read = {str(node["Relation Name"]) for node in nodes if "Seq Scan" in node["Node Type"]}
    # All are of days long past, which have no partition of their own; a new day's has no rows.
    return {name.removesuffix("_default") for name in read}


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes_of(child)
