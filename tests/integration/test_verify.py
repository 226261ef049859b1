"""What verify finds on a real merged database, what it leaves in peace, and what it costs."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    merge,
    rows,
    stage,
    stage_and_merge,
    table_of,
)
from integration.test_plans import looks_for_a_row
from pipeline.audit import verify as verifying
from pipeline.audit.verify import find_unbalanced_now, slice_bounds, verify, verify_database
from pipeline.core.database import Database
from pipeline.core.statements import execute as execute_statement
from pipeline.core.statements import for_each_stream, statement, statements_in
from pipeline.core.window import EARLIEST
from pipeline.merge.merge import merge_pending
from pipeline.merge.replay import replay
from pipeline.revenue.revenue import close_run, compute, publish

NOW = datetime.now(UTC)
# Closed, and recent enough to be in the slice that is checked by default.
WINDOW = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
YESTERDAY = NOW - timedelta(hours=24)

ONCE = {
    "claim": "030_claim_is_merged_once",
    "diagnose": "030_diagnose_is_merged_once",
}
BATCH = "068_batch_counts_its_outcomes"
CURSOR = "010_cursor_counts_its_outcomes"


def broken(database: Database, since: datetime | None = None, **more: Any) -> set[str]:  # noqa: ANN401
    promises = database.run(lambda cursor: verify(cursor, since=since, **more), snapshot=True)
    return {promise.name for promise in promises if not promise.holds}


def execute(database: Database, statements: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statements)


@pytest.fixture
def office(database: Database) -> Database:
    """An office with every fate, and published windows."""
    stage(
        database,
        "claim",
        claim(1, price=10, tsp=WINDOW),
        claim(1, price=10, tsp=WINDOW),
        claim(1, price=11, tsp=WINDOW),
        claim(2, patient=2, price=20, tsp=WINDOW + timedelta(minutes=10)),
        claim(3, patient=5000, tsp=WINDOW),
        b"oops",
    )
    stage(database, "diagnose", diagnose(1, tsp=WINDOW), diagnose(1, tsp=WINDOW))
    merge(database)
    stage_and_merge(database, "claim", claim(2, patient=2, price=20))
    compute_and_publish(database, NOW)
    assert broken(database) == set()
    assert broken(database, YESTERDAY) == set()
    return database


REMOVED_OUTCOME = "DELETE FROM staging.outcome WHERE stream = 'claim' AND fate = 'merged'"

# What is done to the data, the promises that a check of the last day finds broken, and those that
# take a check of everything besides.
DAMAGES: list[tuple[str, str, set[str], set[str]]] = [
    (
        "a deleted clean row",
        "DELETE FROM claim WHERE id = 2",
        {ONCE["claim"], "080_revenue_equals_recompute"},
        set(),
    ),
    (
        "an emptied table",
        "TRUNCATE diagnose",
        {"005_no_clean_table_is_emptied", ONCE["diagnose"], "080_revenue_equals_recompute"},
        set(),
    ),
    (
        "a changed price",
        "UPDATE claim SET price = 12 WHERE id = 2",
        {"050_claim_equals_raw", "062_claim_repeats_are_told_apart"},
        set(),
    ),
    (
        "a changed time",
        "UPDATE diagnose SET tsp = tsp - interval '1 second'",
        {"050_diagnose_equals_raw"},
        set(),
    ),
    (
        "a removed outcome",
        REMOVED_OUTCOME,
        {ONCE["claim"], BATCH},
        {CURSOR},
    ),
    (
        "a removed outcome of a repeat",
        "DELETE FROM staging.outcome WHERE fate = 'conflict'",
        {BATCH},
        {CURSOR},
    ),
    (
        "a doubled outcome",
        """
        ALTER TABLE staging.outcome DROP CONSTRAINT outcome_pkey;
        INSERT INTO staging.outcome SELECT * FROM staging.outcome WHERE fate = 'rejected'
        """,
        {"010_reconciliation", "020_outcome_has_raw_row", BATCH},
        {CURSOR},
    ),
    (
        "a changed published figure",
        "UPDATE analytics.revenue_by_diagnosis SET revenue = revenue + 1 WHERE revenue > 0",
        {"080_revenue_equals_recompute"},
        set(),
    ),
    (
        "a deleted published row",
        "DELETE FROM analytics.revenue_by_diagnosis WHERE revenue > 0",
        {"080_revenue_equals_recompute"},
        set(),
    ),
    (
        "a deleted published window",
        "DELETE FROM analytics.revenue_by_diagnosis",
        {"070_window_is_accounted_for"},
        set(),
    ),
    (
        "a published row of a window without a claim",
        """
        INSERT INTO analytics.revenue_by_diagnosis
        SELECT now(), 'Asthma', 0, 0, 0, max(quality_run_id), now() FROM analytics.quality_run
        """,
        {"080_revenue_equals_recompute", "082_figure_has_its_run"},
        set(),
    ),
    (
        "a clean row nobody merged",
        "INSERT INTO claim VALUES (9, 'A', 1, 1, now())",
        {ONCE["claim"], "070_window_is_accounted_for"},
        set(),
    ),
    (
        "an old clean row nobody merged",
        "INSERT INTO diagnose VALUES (9, 'Z00', 1, '2020-05-04')",
        set(),
        {ONCE["diagnose"]},
    ),
    (
        "a changed cursor",
        "UPDATE staging.merge_cursor SET merged = merged + 1 WHERE stream = 'claim'",
        set(),
        {CURSOR},
    ),
    (
        "a changed batch",
        "UPDATE staging.merge_run SET duplicate = duplicate + 1 WHERE stream = 'claim'",
        {BATCH},
        set(),
    ),
    (
        "a deleted raw row",
        "DELETE FROM staging.event WHERE payload = 'oops'",
        {"010_reconciliation", "020_outcome_has_raw_row"},
        set(),
    ),
    (
        "a figure of a run that never ended",
        "UPDATE analytics.quality_run SET finished_at = NULL",
        {"082_figure_has_its_run"},
        set(),
    ),
    (
        "a mark nobody took up",
        """
        INSERT INTO analytics.dirty_window (window_start, marked_at)
        SELECT now() - interval '2 hours', now() - interval '21 minutes'
        """,
        {"090_no_window_is_overdue"},
        set(),
    ),
]


@pytest.mark.parametrize(
    ("damage", "in_slice", "in_all"),
    [each[1:] for each in DAMAGES],
    ids=[each[0] for each in DAMAGES],
)
def test_each_damage_breaks_exactly_its_promises(
    office: Database, damage: str, in_slice: set[str], in_all: set[str]
) -> None:
    execute(office, damage)
    assert broken(office, YESTERDAY) == in_slice
    assert broken(office) == in_slice | in_all


def test_a_removed_outcome_is_still_seen_when_the_next_merge_took_its_row_for_a_duplicate(
    office: Database,
) -> None:
    execute(office, REMOVED_OUTCOME)
    merge(office)
    assert rows(office, "SELECT DISTINCT fate FROM staging.outcome WHERE entity_id = 2") == [
        ("duplicate",)
    ]
    assert broken(office, YESTERDAY) == {ONCE["claim"], BATCH}
    assert broken(office) == {ONCE["claim"], BATCH, CURSOR}


def test_the_slice_leaves_out_what_is_older(office: Database) -> None:
    for damage in (
        "UPDATE claim SET price = 12 WHERE id = 2",
        "UPDATE analytics.revenue_by_diagnosis SET revenue = revenue + 1",
        "DELETE FROM staging.outcome WHERE fate = 'conflict'",
    ):
        execute(office, damage)
    assert broken(office, datetime.now(UTC)) == set()
    assert len(broken(office)) == 5


# What looks odd and is no fault.


def test_a_run_that_was_killed_is_no_fault(office: Database) -> None:
    stage_and_merge(office, "claim", claim(5, tsp=WINDOW))
    office.run(lambda cursor: compute(cursor, now=NOW))
    assert broken(office) == broken(office, YESTERDAY) == set()
    assert broken(office, patience=timedelta()) == {"090_no_window_is_overdue"}


def test_a_window_that_is_held_back_is_no_fault(office: Database) -> None:
    stage_and_merge(office, "claim", claim(5, tsp=WINDOW))
    run = office.run(lambda cursor: compute(cursor, now=NOW))
    office.run(
        lambda cursor: close_run(
            cursor, run.quality_run_id, verdict="blocked", published=[], blocked=run.windows
        )
    )
    assert broken(office, patience=timedelta()) == set()


def test_a_window_that_is_open_is_no_fault(office: Database) -> None:
    stage_and_merge(office, "claim", claim(5), claim(6, tsp=NOW + timedelta(hours=20)))
    assert broken(office, patience=timedelta()) == set()


def test_a_replay_and_a_new_category_are_no_fault(office: Database) -> None:
    execute(office, "INSERT INTO patient VALUES (5000, 'A', 'B', '1980-01-01')")
    execute(office, "INSERT INTO analytics.tracked_diagnosis VALUES ('I10', 'Hypertension')")
    replay(office)
    assert broken(office) == broken(office, YESTERDAY) == set()
    merge(office)
    assert broken(office) == broken(office, YESTERDAY) == set()
    compute_and_publish(office, NOW)
    assert broken(office) == broken(office, YESTERDAY) == set()


def test_nothing_is_found_while_everything_works(office: Database) -> None:
    over = threading.Event()
    failures: list[BaseException] = []

    def keep(work: Callable[[Database, int], object]) -> None:
        own = Database(office.dsn)
        number = 0
        try:
            while not over.wait(0.01):
                number += 1
                work(own, number)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        own.close()

    def write(own: Database, number: int) -> None:
        patient = 5000 if number % 7 == 0 else number % 30 + 1
        tsp = WINDOW + timedelta(minutes=number % 100)
        stage(own, "claim", claim(number % 500, patient=patient, price=number % 3, tsp=tsp), b"")
        stage(own, "diagnose", diagnose(number % 100, patient=number % 30 + 1, tsp=tsp))

    def analyse(own: Database, number: int) -> None:
        run = own.run(lambda cursor: compute(cursor, now=NOW))
        if number % 3 == 0:
            return
        with own.transaction() as cursor:
            done = publish(cursor, run.quality_run_id, run.windows[number % 2 :])
            close_run(cursor, run.quality_run_id, verdict="published", published=done, blocked=[])

    work = (
        write,
        write,
        analyse,
        lambda own, _: list(merge_pending(own, batch_size=20)),
        lambda own, _: replay(own),
    )
    threads = [threading.Thread(target=keep, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    found = [broken(office, None if turn % 2 else YESTERDAY) for turn in range(30)]
    over.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert found == [set()] * 30
    assert rows(office, "SELECT max(seq) > 30 FROM staging.event") == [(True,)]


# What it costs.

HISTORY = """
    INSERT INTO analytics.backfilled_diagnosis (icd10_code, category)
    SELECT icd10_code, category FROM analytics.tracked_diagnosis;
    INSERT INTO staging.event (stream, payload, received_at, xid)
    SELECT
        CASE WHEN n % 2 = 0 THEN 'claim' ELSE 'diagnose' END,
        '{"id": ' || n || ', "patient_id": ' || n % 997 + 1
            || ', "code": "A", "price": 1, "icd10_code": "Z' || n % 90 + 10 || '"}',
        now() - interval '3 years' + n * interval '15 minutes', '3'
    FROM generate_series(1, 70000) AS n ORDER BY n;
    INSERT INTO staging.merge_run (stream, is_sweep, merged, started_at, finished_at)
    SELECT CASE WHEN n % 2 = 0 THEN 'claim' ELSE 'diagnose' END, FALSE, 40,
        now() - interval '3 years' + n * interval '600 minutes', now()
    FROM generate_series(1, 1750) AS n ORDER BY n;
    INSERT INTO staging.outcome (seq, stream, entity_id, fate, run_id, received_at)
    SELECT seq, stream, (payload::json ->> 'id')::bigint, 'merged', seq / 40 + 1, received_at
    FROM staging.event WHERE seq / 40 + 1 <= 1750 ORDER BY seq;
    INSERT INTO claim SELECT entity_id, 'A', 1, entity_id % 997 + 1, received_at
    FROM staging.outcome JOIN staging.event USING (seq, received_at) WHERE outcome.stream = 'claim';
    INSERT INTO diagnose
    SELECT entity_id, 'Z' || entity_id % 90 + 10, entity_id % 997 + 1, received_at
    FROM staging.outcome JOIN staging.event USING (seq, received_at)
    WHERE outcome.stream = 'diagnose';
    INSERT INTO analytics.quality_run
        (verdict, merged_from, merged_through, closed_before, started_at, finished_at)
    VALUES ('published', 0, 1750, now(), now(), now());
    INSERT INTO analytics.revenue_by_diagnosis
    SELECT DISTINCT date_bin('10 minutes', tsp, 'epoch'), c.category, 0, 0, 0, 1,
        date_bin('10 minutes', tsp, 'epoch')
    FROM claim CROSS JOIN (VALUES ('Amnesia'), ('Asthma')) AS c (category);
    ANALYZE
"""
BIG_TABLES = {"event", "outcome", "claim", "diagnose", "revenue_by_diagnosis"}


# One old row is merged late. With it in ANALYZE's sample, the planner expects many such rows. Here
# the sample has all rows, so that the plan is the same in every run.
NEWEST = """
    SET LOCAL default_statistics_target = 1000;
    ALTER TABLE staging.outcome ALTER run_id SET STATISTICS 100;
    ANALYZE
"""


def test_the_recent_slice_is_read_by_indexes(database: Database) -> None:
    execute(database, HISTORY)
    for number in range(20):
        stage(database, "claim", claim(1_000_000 + number % 15, tsp=WINDOW), b"oops")
        stage(database, "diagnose", diagnose(1_000_000 + number))
        merge(database)
    compute_and_publish(database, NOW)
    assert broken(database, YESTERDAY) == set()
    assert read_whole_for_the_slice(database) == {}
    execute(database, NEWEST)
    assert read_whole_for_the_slice(database) == {}


def read_whole_for_the_slice(database: Database) -> dict[tuple[str, str | None], set[str]]:
    """The big tables that a statement about the recent slice reads from beginning to end."""
    given: dict[str, Any] = {"since": YESTERDAY, "patience": timedelta(minutes=20)}
    with database.transaction(snapshot=True) as cursor:
        execute_statement(cursor, "audit/verify_slice/favour_indexes")
        bounds = slice_bounds(cursor, **given)
        assert bounds["first_seq"] > 65_000
        assert bounds["first_run_id"] > 1_700
        plans = {
            (name, stream): scanned_whole(cursor, name, stream, given | bounds)
            for name, stream in for_each_stream(
                ["audit/verify_slice/bounds", *statements_in("audit/verify")]
            )
        }
        everything = slice_bounds(cursor, EARLIEST, given["patience"])
        whole = scanned_whole(cursor, "audit/verify/010_reconciliation", None, everything)
    # The test is not blind: where everything is asked for, everything is read.
    assert whole >= {"event"}
    return {name: found for name, found in plans.items() if found}


def scanned_whole(
    cursor: Any,  # noqa: ANN401
    name: str,
    stream: str | None,
    given: dict[str, Any],
) -> set[str]:
    """The big tables that a statement reads from beginning to end; no day's partition is big."""
    cursor.execute("EXPLAIN (FORMAT json) " + statement(name, stream), given)
    [[plans]] = cursor.fetchall()
    return {
        table_of(node["Relation Name"])
        for node in nodes_of(plans[0]["Plan"])
        if node.get("Relation Name", "").removesuffix("_default") in BIG_TABLES
        and reads_whole(node)
        and not looks_for_a_row(node)
    }


def reads_whole(node: dict[str, Any]) -> bool:
    """Whether it scans a table, or an index without a condition."""
    is_conditional = {"Index Cond", "Recheck Cond"} & node.keys()
    return node["Node Type"] == "Seq Scan" or not is_conditional


def nodes_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes_of(child))]


@pytest.fixture
def cluster(office: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The office, taken for a cluster."""
    monkeypatch.setattr(verifying, "is_cluster", lambda _: True)
    return office


def test_on_a_cluster_nothing_is_merged_while_it_looks(cluster: Database) -> None:
    busy: list[bool] = []

    def try_to_merge(checks: Sequence[verifying.Check]) -> Iterator[verifying.Check]:
        for check in checks:
            with closing(Database(cluster.dsn)) as other, other.transaction() as cursor:
                cursor.execute("SELECT FROM staging.merge_cursor FOR UPDATE SKIP LOCKED")
                busy.append(cursor.rowcount == 0)
            yield check

    assert all(promise.holds for promise in verify_database(cluster, for_each=try_to_merge))
    assert busy
    assert all(busy)


def test_on_a_cluster_what_is_right_at_the_second_look_is_not_reported(cluster: Database) -> None:
    execute(cluster, "CREATE TABLE half_seen AS SELECT * FROM claim WHERE id = 1")
    execute(cluster, "DELETE FROM claim WHERE id = 1")

    def mend_behind_the_last(checks: Sequence[verifying.Check]) -> Iterator[verifying.Check]:
        yield from checks
        with closing(Database(cluster.dsn)) as other:
            execute(other, "INSERT INTO claim SELECT * FROM half_seen")

    assert all(promise.holds for promise in verify_database(cluster, for_each=mend_behind_the_last))


def test_on_a_cluster_what_is_wrong_at_both_looks_is_reported(cluster: Database) -> None:
    execute(cluster, "DELETE FROM claim WHERE id = 1")
    broken_ones = [each.name for each in verify_database(cluster) if not each.holds]
    assert ONCE["claim"] in broken_ones
    execute(cluster, "DELETE FROM staging.event WHERE stream = 'claim'")
    assert [row.stream for row in find_unbalanced_now(cluster, since=YESTERDAY)] == ["claim"]


def test_one_server_is_looked_at_once(office: Database) -> None:
    execute(office, "DELETE FROM claim WHERE id = 1")
    begun: list[int] = []

    def counting(checks: Sequence[verifying.Check]) -> Sequence[verifying.Check]:
        begun.append(len(checks))
        return checks

    assert not all(promise.holds for promise in verify_database(office, for_each=counting))
    assert len(begun) == 1
