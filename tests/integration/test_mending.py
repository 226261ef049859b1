"""What verify finds, the commands that it names put right, and then it finds nothing any more."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
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
)
from pipeline.audit.rebuild import rebuild
from pipeline.audit.release import release
from pipeline.audit.verify import Promise, verify
from pipeline.core.database import Database
from pipeline.revenue.revenue import close_run, compute

NOW = datetime.now(UTC)
WINDOW = timedelta(minutes=10)
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

STATE = (
    "SELECT * FROM claim ORDER BY id",
    "SELECT * FROM diagnose ORDER BY id",
    "SELECT * FROM staging.outcome ORDER BY seq",
    "SELECT stream, merged, duplicate, conflict, rejected FROM staging.merge_cursor ORDER BY 1",
    """
    SELECT run_id, stream, merged, duplicate, conflict, rejected FROM staging.merge_run ORDER BY 1
    """,
    """
    SELECT window_start, category, revenue::text, claims, patients
    FROM analytics.revenue_by_diagnosis ORDER BY window_start, category
    """,
    "SELECT DISTINCT window_start FROM analytics.dirty_window ORDER BY window_start",
)


def invented(window: str, category: str = "Amnesia") -> str:
    return f"""
        INSERT INTO analytics.revenue_by_diagnosis
        SELECT timestamptz '{window}', '{category}', 7, 1, 1, max(quality_run_id), now()
        FROM analytics.quality_run
        """


# What is done by hand to the data, one after the other.
DAMAGES: dict[str, str] = {
    # The eight kinds.
    "a clean row deleted": "DELETE FROM claim WHERE id = 1",
    "a clean row changed": "UPDATE claim SET price = price + 1 WHERE id = 1",
    "a clean row moved to another patient": "UPDATE claim SET patient_id = 2 WHERE id = 1",
    "a clean row invented": "INSERT INTO claim VALUES (90, 'A', 1, 1, '2026-05-04 12:01Z')",
    "an outcome deleted": "DELETE FROM staging.outcome WHERE seq = 1",
    "a figure changed": """
        UPDATE analytics.revenue_by_diagnosis SET revenue = revenue + 1 WHERE claims = 2
        """,
    "a figure deleted": "DELETE FROM analytics.revenue_by_diagnosis WHERE claims = 2",
    "a figure invented": invented("2026-05-04 12:00Z", "Gout"),
    # Of clean rows.
    "a diagnosis deleted": "DELETE FROM diagnose WHERE id = 1",
    "a first diagnosis moved to another patient": "UPDATE diagnose SET patient_id = 3 WHERE id = 1",
    "a diagnosis changed": "UPDATE diagnose SET icd10_code = 'Z00' WHERE id = 1",
    "a diagnosis made a tracked one": "UPDATE diagnose SET icd10_code = 'J44.9' WHERE id = 3",
    "a diagnosis made later": "UPDATE diagnose SET tsp = '2026-05-04 12:15Z' WHERE id = 1",
    "an early diagnosis invented": "INSERT INTO diagnose VALUES (90, 'J44.9', 1, '2020-01-01')",
    "a claim moved to another window": "UPDATE claim SET tsp = '2026-05-04 14:00Z' WHERE id = 1",
    "a claim invented where there was none": (
        "INSERT INTO claim VALUES (90, 'A', 1, 1, '2026-05-04 15:00Z')"
    ),
    "a claim invented in a window that is open": (
        "INSERT INTO claim VALUES (90, 'A', 1, 1, now() + interval '1 minute')"
    ),
    "all clean rows deleted": "DELETE FROM claim; DELETE FROM diagnose",
    # Of outcomes and counts.
    "an outcome with another fate": """
        UPDATE staging.outcome SET fate = 'duplicate' WHERE fate = 'conflict'
        """,
    "a merged row called a duplicate": (
        "UPDATE staging.outcome SET fate = 'duplicate' WHERE seq = 1"
    ),
    "an outcome of another id": "UPDATE staging.outcome SET entity_id = 77 WHERE seq = 1",
    "an outcome of another stream": "UPDATE staging.outcome SET stream = 'diagnose' WHERE seq = 1",
    "an outcome of another time": """
        UPDATE staging.outcome SET received_at = received_at - interval '3 days' WHERE seq = 1
        """,
    "an outcome of a batch of another stream": (
        "UPDATE staging.outcome SET run_id = 4 WHERE seq = 2"
    ),
    "an outcome of a batch that never was": "UPDATE staging.outcome SET run_id = 999 WHERE seq = 1",
    "a batch of another stream": (
        "UPDATE staging.merge_run SET stream = 'diagnose' WHERE run_id = 1"
    ),
    "a cursor deleted": "DELETE FROM staging.merge_cursor WHERE stream = 'claim'",
    "all outcomes of a batch deleted": "DELETE FROM staging.outcome WHERE run_id = 1",
    "a count of a stream": "UPDATE staging.merge_cursor SET merged = merged + 1",
    "a count of a batch": "UPDATE staging.merge_run SET rejected = 9 WHERE run_id = 1",
    "a batch deleted": "DELETE FROM staging.merge_run WHERE run_id = 2",
    "all batches deleted": "DELETE FROM staging.merge_run",
    # Of figures.
    "all figures of a window deleted": (
        "DELETE FROM analytics.revenue_by_diagnosis WHERE window_start = '2026-05-04 12:00Z'"
    ),
    "all figures deleted": "DELETE FROM analytics.revenue_by_diagnosis",
    "a figure invented where there is no claim": invented("2026-05-04 18:00Z"),
    "a figure of no category where there is no claim": invented("2026-05-04 18:00Z", "Gout"),
    "a figure invented for a window that is open": invented(f"{NOW + timedelta(minutes=1)}"),
    "a figure invented for a window to come": invented("2099-05-04 12:00Z"),
    "a figure invented between two windows": invented("2026-05-04 12:03Z"),
    "a figure that is no number": (
        "UPDATE analytics.revenue_by_diagnosis SET revenue = 'NaN' WHERE claims = 2"
    ),
    "counts of a figure": "UPDATE analytics.revenue_by_diagnosis SET patients = 9 WHERE claims = 2",
    "a run that never ended": "UPDATE analytics.quality_run SET finished_at = NULL",
    # Several at once.
    "a claim deleted and its figure changed": """
        DELETE FROM claim WHERE id = 1;
        UPDATE analytics.revenue_by_diagnosis SET revenue = 0, claims = 0, patients = 0
        """,
    "a claim, its outcome and its figures deleted": """
        DELETE FROM claim WHERE id = 1;
        DELETE FROM staging.outcome WHERE entity_id = 1;
        DELETE FROM analytics.revenue_by_diagnosis
        """,
    "a bit of everything": f"""
        DELETE FROM claim WHERE id = 1;
        UPDATE claim SET price = 3 WHERE id = 2;
        INSERT INTO claim VALUES (90, 'A', 1, 1, '2026-05-04 16:00Z');
        UPDATE diagnose SET patient_id = 3 WHERE id = 1;
        DELETE FROM staging.outcome WHERE seq IN (2, 3);
        {invented("2026-05-04 18:00Z")};
        DELETE FROM analytics.revenue_by_diagnosis WHERE category = 'Asthma'
        """,
}


def execute(database: Database, statements: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statements)


def state(database: Database) -> list[Any]:
    return [rows(database, query) for query in STATE]


def broken(database: Database) -> list[Promise]:
    promises = database.run(verify, snapshot=True)
    return [promise for promise in promises if not promise.holds]


COMMANDS: dict[str, Callable[[Database], object]] = {
    "rebuild --apply": partial(rebuild, batch_size=1000, is_applied=True),
    "analytics": partial(compute_and_publish, now=datetime.now(UTC)),
}


def mend(database: Database, found: list[Promise]) -> None:
    """Runs the commands that the broken promises name, each once."""
    named = {command for promise in found for command in promise.mended_by}
    assert named
    for command, run in COMMANDS.items():
        if command in named:
            run(database)


@pytest.fixture
def office(database: Database) -> Database:
    """An office with every fate in several batches, and published windows."""
    stage(
        database,
        "claim",
        claim(1, price=10, tsp=NOON),
        claim(1, price=10, tsp=NOON),
        claim(1, price=11, tsp=NOON),
        claim(2, patient=2, price=20, tsp=NOON),
        claim(3, patient=3, price=30, tsp=NOON + WINDOW),
        claim(4, patient=5000, tsp=NOON),
        b"oops",
    )
    stage(database, "diagnose", diagnose(1, tsp=NOON), diagnose(1, tsp=NOON))
    merge(database)
    first = claim(5, price=40, tsp=NOON + 3 * WINDOW)
    stage_and_merge(database, "claim", first, claim(2, patient=2, price=20, tsp=NOON))
    stage_and_merge(
        database,
        "diagnose",
        diagnose(2, patient=2, tsp=NOON),
        diagnose(3, patient=3, icd10_code="I10", tsp=NOON),
    )
    compute_and_publish(database, NOW)
    assert broken(database) == []
    return database


def test_each_damage_after_the_other_is_found_and_mended(office: Database) -> None:
    sound = state(office)
    for what, damage in DAMAGES.items():
        execute(office, damage)
        damaged = state(office)
        found = broken(office)
        assert found, f"not found: {what}"
        assert rebuild(office, batch_size=1000, is_applied=False).differences, what
        assert state(office) == damaged
        mend(office, found)
        assert (what, broken(office)) == (what, [])
        assert (what, state(office)) == (what, sound)


def test_the_next_batch_does_not_get_the_number_of_one_that_was_made_up(office: Database) -> None:
    execute(office, "UPDATE staging.outcome SET run_id = run_id + 5; DELETE FROM staging.merge_run")
    mend(office, broken(office))
    assert broken(office) == []
    for number in range(10):
        stage_and_merge(office, "claim", claim(100 + number))
    assert broken(office) == []


def test_a_due_window_whose_mark_was_deleted_becomes_due_again(office: Database) -> None:
    late = claim(6, price=5, tsp=NOON)
    alone = claim(7, price=7, tsp=NOON + 9 * WINDOW)
    stage_and_merge(office, "claim", late, alone)
    execute(office, "DELETE FROM analytics.dirty_window")
    found = broken(office)
    assert {promise.name for promise in found} == {
        "070_window_is_accounted_for",
        "080_revenue_equals_recompute",
    }
    mend(office, found)
    assert broken(office) == []
    assert rows(
        office, "SELECT revenue FROM analytics.revenue_by_diagnosis WHERE claims > 0 ORDER BY 1"
    ) == [(Decimal("7.00"),), (Decimal("35.00"),), (Decimal("40.00"),)]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM analytics.revenue_candidate",
        "DELETE FROM analytics.dirty_window",
        "UPDATE claim SET price = 6 WHERE id = 6",
        "DELETE FROM analytics.revenue_by_diagnosis",
        "DELETE FROM analytics.dirty_window; UPDATE analytics.revenue_candidate SET revenue = 1",
    ],
)
def test_damage_in_a_window_that_is_held_back_is_mended(office: Database, damage: str) -> None:
    stage_and_merge(office, "claim", claim(6, price=5, tsp=NOON))
    hold_back(office)
    assert broken(office) == []
    execute(office, damage)
    found = broken(office)
    mend(office, found) if found else compute_and_publish(office, NOW)
    assert broken(office) == []
    compute_and_publish(office, NOW)
    assert rows(
        office, "SELECT revenue FROM analytics.revenue_by_diagnosis WHERE claims > 0 ORDER BY 1"
    ) == [(Decimal("35.00"),), (Decimal("40.00"),)]
    assert broken(office) == []


def hold_back(database: Database) -> None:
    """An analytics run that computes what is due and publishes nothing."""
    run = database.run(lambda cursor: compute(cursor, now=NOW))
    database.run(
        partial(
            close_run,
            quality_run_id=run.quality_run_id,
            verdict="blocked",
            published=[],
            blocked=run.windows,
        )
    )


def test_a_damaged_figure_that_was_released_is_found_and_its_release_is_superseded(
    office: Database,
) -> None:
    stage_and_merge(office, "claim", claim(6, price=5, tsp=NOON))
    hold_back(office)
    office.run(partial(release, moment=NOON, reason="It is right."))
    assert broken(office) == []
    execute(office, "UPDATE analytics.revenue_by_diagnosis SET revenue = 1 WHERE claims = 3")
    mend(office, broken(office))
    assert broken(office) == []
    assert rows(office, "SELECT revenue FROM analytics.revenue_by_diagnosis WHERE claims = 3") == [
        (Decimal("35.00"),)
    ]
