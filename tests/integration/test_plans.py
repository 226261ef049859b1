"""Critical statements use indexes at any size: each is explained as it runs, beside a history."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS

from benchmarks.base import fill_history
from integration.events import claim, compute_and_publish, diagnose, table_of
from pipeline.audit.explain import explain_claim, explain_diagnose
from pipeline.audit.verify import find_unbalanced, find_unbalanced_now
from pipeline.core import database as database_module
from pipeline.core.database import Database
from pipeline.core.link import WatchedConnection, WatchedNamedTupleCursor
from pipeline.core.settings import Settings
from pipeline.core.statements import BETWEEN, Cursor, fetch_all, statement
from pipeline.merge.merge import Look, merge_pending
from pipeline.operations.metrics import read_streams, read_windows
from pipeline.operations.status import read_status
from pipeline.quality.checks import Checker
from pipeline.quality.cycle import run_cycle
from pipeline.report.pages import build_pages, docs_folder
from pipeline.report.quality_pages import DAYS_SHOWN
from pipeline.revenue.revenue import compute
from pipeline.staging.append import append

# Grows with every arrival.
HISTORY = {"event", "outcome", "claim", "diagnose"}
# More than the tests add: below, the planner may rightly read a table in full.
FEW_ROWS = 10_000
EXPLAINABLE = re.compile(r"(\s|--.*\n)*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)

LONG_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= %s"


# A statement locks each table that it opens, also one in which it then has nothing to read.
OPENED = """
    SELECT c.relname FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND c.relkind = 'r'
    """

ReadInFull = Callable[[Callable[[Database], object]], set[str]]


class Explaining(WatchedNamedTupleCursor):
    """A cursor that has each statement explained, with its parameters, before it is executed."""

    plans: ClassVar[list[dict[str, Any]]] = []

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002, ANN401
        for each in query.split(BETWEEN) if isinstance(query, str) else [query]:
            if isinstance(each, str) and EXPLAINABLE.match(each):
                super().execute(f"EXPLAIN (FORMAT JSON) {each}", vars)  # type: ignore[no-untyped-call]
                [(explained,)] = self.fetchall()
                self.plans.append(explained[0]["Plan"])
            super().execute(each, vars)  # type: ignore[no-untyped-call]


@pytest.fixture
def opened_tables(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The tables that all transactions of the test open; it grows when one ends."""
    opened: set[str] = set()

    def noting(end: Callable[[WatchedConnection], None]) -> Callable[[WatchedConnection], None]:
        def note(connection: WatchedConnection) -> None:
            if connection.get_transaction_status() == TRANSACTION_STATUS_INTRANS:
                with connection.cursor() as cursor:
                    cursor.execute(OPENED)
                    opened.update(name for (name,) in cursor.fetchall())
            end(connection)

        return note

    for end in ("commit", "rollback"):
        monkeypatch.setattr(WatchedConnection, end, noting(getattr(WatchedConnection, end)))
    return opened


@pytest.fixture(scope="module")
def office(shared_database_url: str) -> Iterator[Database]:
    """Four days of history, up to an hour ago; its windows are published. There are older days."""
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    fill_history(shared_database_url, 300_000, an_hour_ago)
    with closing(Database(shared_database_url)) as database:
        with database.transaction() as cursor:
            cursor.execute("SELECT staging.make_partitions(current_date - 50, current_date - 40)")
        compute_and_publish(database, datetime.now(UTC))
        yield database


@pytest.fixture(scope="module")
def long_tables(office: Database) -> set[str]:
    """The tables with many rows, before the tests add some."""
    with office.transaction() as cursor:
        cursor.execute(LONG_TABLES, (FEW_ROWS,))
        found = {name for (name,) in cursor.fetchall() if is_history(name)}
    assert {table_of(name) for name in found} == HISTORY
    return found


@pytest.fixture
def read_in_full(
    office: Database, long_tables: set[str], monkeypatch: pytest.MonkeyPatch
) -> ReadInFull:
    """Does a work; the tables with many rows that its statements read from end to end."""
    monkeypatch.setattr(database_module, "WatchedNamedTupleCursor", Explaining)

    def do(work: Callable[[Database], object]) -> set[str]:
        Explaining.plans.clear()
        work(office)
        assert Explaining.plans
        return {name for plan in Explaining.plans for name in sequential(plan)} & long_tables

    return do


NEW_IDS: Final = count(1_000_000)


def append_some(database: Database) -> None:
    """Events of an hour ago, as callbacks append them; their ids are new each time."""
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with database.transaction() as cursor:
        for number in islice(NEW_IDS, 300):
            append(cursor, "claim", [claim(number, tsp=an_hour_ago)])
            append(cursor, "diagnose", [diagnose(number, tsp=an_hour_ago)])


def merge_with(sweep: Look | None) -> Callable[[Database], object]:
    """Merges some rows more."""

    def work(database: Database) -> None:
        append_some(database)
        assert sum(batch.rows for batch in merge_pending(database, batch_size=100, sweep=sweep))

    return work


def merge_and_publish(database: Database) -> None:
    """Publishes a window that has changed."""
    merge_with(None)(database)
    assert compute_and_publish(database, datetime.now(UTC))


def snapshot(step: Callable[[Cursor], object]) -> Callable[[Database], object]:
    """Reads something."""
    return lambda database: database.run(step, snapshot=True)


# The planner shows what a function reads where it can put its body in the place of the call.
OF_FIGURES = (
    "SELECT f.* FROM analytics.first_diagnosis('{1,2}') AS f",
    "SELECT d.* FROM analytics.counting_diagnosis('{1,2}', now()) AS d",
    "SELECT w.* FROM analytics.claimed_window(now() - interval '1 day', now()) AS w",
)


def look_up_for_figures(cursor: Cursor) -> None:
    """Calls the functions that look things up for the figures, and sees what they read."""
    for query in OF_FIGURES:
        cursor.execute(query)
    assert all(list(relations(plan)) for plan in Explaining.plans)


WORKS: dict[str, Callable[[Database], object]] = {
    "append": append_some,
    "merge": merge_with(None),
    "analytics run": merge_and_publish,
    "what figures are made of": snapshot(look_up_for_figures),
    "status": snapshot(read_status),
    "metrics of streams": snapshot(read_streams),
    "metrics of windows": snapshot(read_windows),
    "explain claim": snapshot(partial(explain_claim, claim_id=7)),
    "explain diagnose": snapshot(partial(explain_diagnose, diagnose_id=7)),
    "arrivals": snapshot(lambda cursor: fetch_all(cursor, "report/arrivals")),
    "rejected": snapshot(
        lambda cursor: fetch_all(
            cursor, "report/rejected", {"since": datetime.now(UTC) - DAYS_SHOWN}
        )
    ),
}


@pytest.mark.parametrize("name", WORKS)
def test_no_long_table_is_read_in_full(read_in_full: ReadInFull, name: str) -> None:
    assert read_in_full(WORKS[name]) == set()


@pytest.mark.parametrize(
    "work",
    [
        merge_with(Look.RECENT),
        snapshot(partial(find_unbalanced, since=datetime.now(UTC) - timedelta(days=1))),
    ],
    ids=["sweep of two days", "sums of a day"],
)
def test_what_reads_days_reads_none_before_them(
    read_in_full: ReadInFull, work: Callable[[Database], object]
) -> None:
    days = (datetime.now(UTC) - timedelta(days=number) for number in range(3))
    recent = tuple(f"_{day:%Y%m%d}" for day in days)
    assert all(name.endswith(recent) for name in read_in_full(work))


@pytest.mark.parametrize("name", ["note_gone_rows", "slice_staging"])
def test_checks_look_into_no_day_before_the_batches(office: Database, name: str) -> None:
    merge_with(None)(office)
    candidate = asdict(office.run(partial(compute, now=datetime.now(UTC))))
    with office.transaction() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement(f'quality/{name}')}", candidate)
        [(explained,)] = cursor.fetchall()
    days = {name for name in relations(explained[0]["Plan"]) if name[-1].isdigit()}
    assert "outcome" in {table_of(name) for name in days}
    assert min(name[-8:] for name in days) >= f"{datetime.now(UTC) - timedelta(minutes=5):%Y%m%d}"


def test_a_cycle_opens_no_day_before_those_that_the_pages_show(
    office: Database, opened_tables: set[str], tmp_path: Path
) -> None:
    append_some(office)
    now = datetime.now(UTC)
    checker = Checker(office.dsn, expectations=Settings().expectations, docs=docs_folder(tmp_path))
    assert run_cycle(office, checker, now=now, batch_size=1000).published
    office.run(partial(build_pages, folder=tmp_path, now=now), snapshot=True)
    assert find_unbalanced_now(office, since=now - timedelta(days=1)) == []
    days = {name[-8:] for name in opened_tables if name[-8:].isdigit()}
    assert f"{now:%Y%m%d}" in days
    assert min(days) >= f"{now - DAYS_SHOWN:%Y%m%d}"


def test_publishing_looks_up_its_windows_in_tables_that_were_empty_when_analyzed(
    office: Database,
) -> None:
    with office.transaction() as cursor:
        cursor.execute("ANALYZE analytics.dirty_window, analytics.revenue_candidate")
    since = datetime.now(UTC) - timedelta(days=1)
    run = office.run(partial(compute, now=datetime.now(UTC), since=since))
    with office.transaction() as cursor:
        # Here the tables fit in a page or two.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement('revenue/publish')}", asdict(run))
        [(explained,)] = cursor.fetchall()
    conditions = [
        scan.get("Index Cond", "everything")
        for scan in scans(explained[0]["Plan"])
        if scan["Relation Name"] in ("dirty_window", "revenue_candidate")
    ]
    assert len(conditions) == 5
    assert "everything" not in conditions


def test_a_statement_that_counts_all_rows_is_noticed(read_in_full: ReadInFull) -> None:
    def count_rows(cursor: Cursor) -> None:
        cursor.execute("SELECT count(*) FROM staging.event WHERE payload > ''")

    assert "event" in {table_of(name) for name in read_in_full(snapshot(count_rows))}


def is_history(relation: str) -> bool:
    """Whether it is, or is a day of, what grows with every arrival."""
    return table_of(relation) in HISTORY


def relations(plan: dict[str, Any]) -> set[str]:
    """What a plan looks into, in whatever way."""
    return {scan["Relation Name"] for scan in scans(plan)}


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The places of a plan at which a table is read."""
    if "Relation Name" in plan and plan["Node Type"] != "ModifyTable":
        yield plan
    for child in plan.get("Plans", []):
        yield from scans(child)


def looks_for_a_row(plan: dict[str, Any]) -> bool:
    """Whether a scan only finds out whether there is any row, as EXISTS does."""
    return plan.get("Parent Relationship") == "InitPlan" and "Filter" not in plan


def sequential(plan: dict[str, Any]) -> Iterator[str]:
    """What a plan reads from end to end, whatever it finds."""
    if "One-Time Filter" in plan:
        # Read only where, say, a category is new: all its windows are to be computed then.
        return
    if plan["Node Type"] == "Seq Scan" and not looks_for_a_row(plan):
        yield plan["Relation Name"]
    for child in plan.get("Plans", []):
        yield from sequential(child)
