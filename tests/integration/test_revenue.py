import re
import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    merge,
    revenue,
    rows,
    stage,
    stage_and_merge,
    wait_until_blocked_or_over,
)
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.merge.merge import Look, merge_batch
from pipeline.revenue.revenue import (
    WINDOWS_AT_ONCE,
    Candidate,
    close_run,
    compute,
    publish,
)

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
MINUTE = timedelta(minutes=1)


def test_a_patient_diagnosed_three_times_counts_once(database: Database) -> None:
    stage_and_merge(database, "diagnose", *(diagnose(n, tsp=NOON) for n in range(3)))
    stage_and_merge(database, "claim", claim(1, price=10, tsp=NOON), claim(2, price=5, tsp=NOON))
    compute_and_publish(database, LATER)
    assert revenue(database) == {
        ("12:00", "Amnesia"): ("15.00", 2, 1),
        ("12:00", "Asthma"): ("0.00", 0, 0),
    }


def test_a_patient_with_both_diagnoses_counts_in_both(database: Database) -> None:
    stage_and_merge(
        database,
        "diagnose",
        diagnose(1, tsp=NOON),
        diagnose(2, icd10_code="J44.9", tsp=NOON),
    )
    stage_and_merge(database, "claim", claim(1, price=10, tsp=NOON))
    compute_and_publish(database, LATER)
    assert revenue(database) == {
        ("12:00", "Amnesia"): ("10.00", 1, 1),
        ("12:00", "Asthma"): ("10.00", 1, 1),
    }


def test_a_diagnosis_after_the_window_does_not_count_in_it(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON), claim(2, tsp=NOON + 10 * MINUTE))
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON + 10 * MINUTE))
    compute_and_publish(database, LATER)
    assert revenue(database)["12:00", "Amnesia"] == ("0.00", 0, 0)
    assert revenue(database)["12:10", "Amnesia"] == ("10.00", 1, 1)


def test_late_events_change_exactly_the_windows_they_should(database: Database) -> None:
    for number in range(6):
        stage_and_merge(database, "claim", claim(number, tsp=NOON + number * 10 * MINUTE))
    compute_and_publish(database, LATER)

    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON + 35 * MINUTE))
    published = compute_and_publish(database, LATER)
    assert published == [NOON + n * 10 * MINUTE for n in (3, 4, 5)]

    stage_and_merge(database, "claim", claim(10, price=3, tsp=NOON + 42 * MINUTE))
    published = compute_and_publish(database, LATER)
    assert published == [NOON + 40 * MINUTE]
    amnesia = [revenue(database)[f"12:{n}0", "Amnesia"][0] for n in range(6)]
    assert amnesia == ["0.00", "0.00", "0.00", "10.00", "13.00", "10.00"]


def test_a_window_of_the_dearest_claims_has_room(database: Database) -> None:
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON))
    dearest = [claim(number, price=9_999_999_999.99, tsp=NOON) for number in range(2_000)]
    stage_and_merge(database, "claim", *dearest, claim(2_000, price=0.01, tsp=NOON))
    compute_and_publish(database, LATER)
    # To the cent: a floating-point sum has no room for so many digits.
    assert revenue(database)["12:00", "Amnesia"] == ("19999999999980.01", 2_001, 1)


def test_more_windows_than_are_computed_at_once_are_published_together(database: Database) -> None:
    windows = [NOON + number * 10 * MINUTE for number in range(2 * WINDOWS_AT_ONCE + 1)]
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON))
    claims = [claim(n, price=1 + n, tsp=start) for n, start in enumerate(windows)]
    stage_and_merge(database, "claim", *claims)
    assert compute_and_publish(database, windows[-1] + 10 * MINUTE) == windows
    figures = "SELECT revenue::int FROM analytics.revenue_by_diagnosis WHERE claims = 1 ORDER BY 1"
    assert [row[0] for row in rows(database, figures)] == [1 + n for n in range(len(windows))]
    assert rows(database, "SELECT * FROM analytics.dirty_window") == []
    assert rows(database, "SELECT * FROM analytics.revenue_candidate") == []


def test_only_closed_windows_are_published(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON), claim(2, tsp=NOON + 10 * MINUTE))
    assert compute_and_publish(database, NOON + 19 * MINUTE) == [NOON]
    assert compute_and_publish(database, NOON + 20 * MINUTE) == [NOON + 10 * MINUTE]


def test_a_merge_between_computing_and_publishing_is_not_forgotten(database: Database) -> None:
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON))
    stage_and_merge(database, "claim", claim(1, price=1, tsp=NOON))
    candidate = database.run(lambda cursor: compute(cursor, now=LATER))
    stage_and_merge(database, "claim", claim(2, price=2, tsp=NOON))
    database.run(lambda cursor: publish(cursor, candidate.quality_run_id, candidate.windows))
    assert revenue(database)["12:00", "Amnesia"] == ("1.00", 1, 1)
    assert compute_and_publish(database, LATER) == [NOON]
    assert revenue(database)["12:00", "Amnesia"] == ("3.00", 2, 1)
    assert compute_and_publish(database, LATER) == []


def test_a_diagnosis_that_is_being_merged_meanwhile_is_not_forgotten(database: Database) -> None:
    stage(database, "diagnose", diagnose(1, tsp=NOON))
    stage(database, "claim", claim(1, price=1, tsp=NOON))
    analytics = threading.Thread(target=compute_and_publish, args=(Database(database.dsn), LATER))
    with database.transaction() as cursor:
        # It doesn't see the claim, so it can't mark the claim's window.
        merge_batch(cursor, "diagnose", batch_size=1000, looks=(Look.AHEAD,))
        other = Database(database.dsn)
        other.run(partial(merge_batch, stream="claim", batch_size=1000, looks=(Look.AHEAD,)))
        analytics.start()
        wait_until_blocked_or_over(other, analytics)
    analytics.join()
    compute_and_publish(database, LATER)
    assert revenue(database)["12:00", "Amnesia"] == ("1.00", 1, 1)


def test_an_older_computation_never_replaces_a_newer_one(database: Database) -> None:
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON))
    stage_and_merge(database, "claim", claim(1, price=1, tsp=NOON))
    older = database.run(lambda cursor: compute(cursor, now=LATER))
    stage_and_merge(database, "claim", claim(2, price=2, tsp=NOON))
    newer = database.run(lambda cursor: compute(cursor, now=LATER))
    for run in (newer, older):
        database.run(partial(publish, quality_run_id=run.quality_run_id, windows=run.windows))
    assert revenue(database)["12:00", "Amnesia"] == ("3.00", 2, 1)
    assert rows(database, "SELECT * FROM analytics.dirty_window") == []


def test_a_new_category_is_an_insert(database: Database) -> None:
    stage_and_merge(database, "diagnose", diagnose(1, icd10_code="I10", tsp=NOON))
    stage_and_merge(database, "claim", claim(1, tsp=NOON), claim(2, tsp=NOON + 30 * MINUTE))
    compute_and_publish(database, LATER)
    with database.transaction() as cursor:
        cursor.execute("INSERT INTO analytics.tracked_diagnosis VALUES ('I10', 'Hypertension')")
    compute_and_publish(database, LATER)
    assert revenue(database)["12:00", "Hypertension"] == ("10.00", 1, 1)
    assert revenue(database)["12:30", "Hypertension"] == ("10.00", 1, 1)
    assert all(promise.holds for promise in database.run(verify, snapshot=True))


# What somebody does to the tracked diagnoses, and the revenue at 12:00 and at 12:30 that follows.
# Patients 1 and 2 have R41.3, 3 has J44.9, 4 has I10; a claim of patient n costs n at 12:00, and
# 10 n at 12:30.
CATEGORY_CHANGES: list[tuple[str, str, dict[str, tuple[str, str]]]] = [
    (
        "a new category",
        "INSERT INTO analytics.tracked_diagnosis VALUES ('I10', 'Hypertension')",
        {
            "Amnesia": ("3.00", "30.00"),
            "Asthma": ("3.00", "30.00"),
            "Hypertension": ("4.00", "40.00"),
        },
    ),
    (
        "a code more of a category",
        "INSERT INTO analytics.tracked_diagnosis VALUES ('I10', 'Asthma')",
        {"Amnesia": ("3.00", "30.00"), "Asthma": ("7.00", "70.00")},
    ),
    (
        "a category renamed",
        "UPDATE analytics.tracked_diagnosis SET category = 'Memory' WHERE category = 'Amnesia'",
        {"Memory": ("3.00", "30.00"), "Asthma": ("3.00", "30.00")},
    ),
    (
        "a category moved to another code",
        "UPDATE analytics.tracked_diagnosis SET icd10_code = 'I10' WHERE category = 'Amnesia'",
        {"Amnesia": ("4.00", "40.00"), "Asthma": ("3.00", "30.00")},
    ),
    (
        "a category that nobody has",
        "UPDATE analytics.tracked_diagnosis SET icd10_code = 'Z99.9' WHERE category = 'Amnesia'",
        {"Amnesia": ("0.00", "0.00"), "Asthma": ("3.00", "30.00")},
    ),
    (
        "two codes that change places",
        """
        UPDATE analytics.tracked_diagnosis
        SET category = CASE category WHEN 'Asthma' THEN 'Amnesia' ELSE 'Asthma' END
        """,
        {"Amnesia": ("3.00", "30.00"), "Asthma": ("3.00", "30.00")},
    ),
    (
        "a category dropped",
        "DELETE FROM analytics.tracked_diagnosis WHERE category = 'Amnesia'",
        {"Asthma": ("3.00", "30.00")},
    ),
    ("all categories dropped", "TRUNCATE analytics.tracked_diagnosis", {}),
    (
        "a category dropped and inserted again",
        """
        DELETE FROM analytics.tracked_diagnosis WHERE category = 'Amnesia';
        INSERT INTO analytics.tracked_diagnosis VALUES ('R41.3', 'Amnesia')
        """,
        {"Amnesia": ("3.00", "30.00"), "Asthma": ("3.00", "30.00")},
    ),
]


def change(database: Database, statements: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statements)


def broken(database: Database, *, patience: timedelta | None = None) -> list[str]:
    promises = database.run(partial(verify, patience=patience), snapshot=True)
    return [promise.name for promise in promises if not promise.holds]


@pytest.fixture
def diagnosed(database: Database) -> Database:
    """Four patients with diagnoses, their claims in two windows, and the figures."""
    codes = ("R41.3", "R41.3", "J44.9", "I10")
    for patient, code in enumerate(codes, 1):
        stage(database, "diagnose", diagnose(patient, patient=patient, icd10_code=code, tsp=NOON))
        first = claim(patient, patient=patient, price=patient, tsp=NOON)
        later = claim(10 + patient, patient=patient, price=10 * patient, tsp=NOON + 30 * MINUTE)
        stage(database, "claim", first, later)
    merge(database)
    compute_and_publish(database, LATER)
    return database


def test_asthma_becomes_that_of_icd_10_by_what_the_docs_say(database: Database) -> None:
    for patient, code in enumerate(("J44.9", "J45.998"), 1):
        stage(database, "diagnose", diagnose(patient, patient=patient, icd10_code=code, tsp=NOON))
        stage(database, "claim", claim(patient, patient=patient, price=patient, tsp=NOON))
    merge(database)
    text = (PROJECT_FOLDER / "docs" / "data.md").read_text(encoding="utf-8")
    insert, delete = re.findall(r"^    ((?:INSERT|DELETE) .+;)$", text, re.MULTILINE)
    for statement, earned in ((None, "1.00"), (insert, "3.00"), (delete, "2.00")):
        if statement:
            change(database, statement)
        compute_and_publish(database, LATER)
        assert revenue(database)["12:00", "Asthma"][0] == earned


@pytest.mark.parametrize(
    ("statements", "expected"),
    [each[1:] for each in CATEGORY_CHANGES],
    ids=[each[0] for each in CATEGORY_CHANGES],
)
def test_a_change_of_categories_is_taken_in_however_it_is_made(
    diagnosed: Database, statements: str, expected: dict[str, tuple[str, str]]
) -> None:
    change(diagnosed, statements)
    assert broken(diagnosed) == []
    compute_and_publish(diagnosed, LATER)
    assert {key: figure[0] for key, figure in revenue(diagnosed).items()} == {
        (window, category): figure
        for category, figures in expected.items()
        for window, figure in zip(("12:00", "12:30"), figures, strict=True)
    }
    assert rows(diagnosed, "SELECT * FROM analytics.dirty_window") == []
    assert broken(diagnosed) == []
    assert compute_and_publish(diagnosed, LATER) == []


def test_what_no_run_takes_in_is_no_longer_well(diagnosed: Database) -> None:
    change(diagnosed, "DELETE FROM analytics.tracked_diagnosis WHERE category = 'Amnesia'")
    assert broken(diagnosed) == []
    assert broken(diagnosed, patience=timedelta()) == ["092_categories_are_taken_in"]
    compute_and_publish(diagnosed, LATER)
    assert broken(diagnosed, patience=timedelta()) == []


def test_a_diagnosis_that_came_while_its_code_was_gone_counts(diagnosed: Database) -> None:
    change(diagnosed, "DELETE FROM analytics.tracked_diagnosis WHERE category = 'Amnesia'")
    stage_and_merge(diagnosed, "diagnose", diagnose(50, patient=3, tsp=NOON))
    change(diagnosed, "INSERT INTO analytics.tracked_diagnosis VALUES ('R41.3', 'Amnesia')")
    compute_and_publish(diagnosed, LATER)
    assert revenue(diagnosed)["12:00", "Amnesia"] == ("6.00", 3, 3)
    assert broken(diagnosed) == []


def test_a_change_while_an_older_computation_waits_to_be_published(diagnosed: Database) -> None:
    stage_and_merge(diagnosed, "claim", claim(60, price=100, tsp=NOON))
    older = diagnosed.run(lambda cursor: compute(cursor, now=LATER))
    change(diagnosed, "UPDATE analytics.tracked_diagnosis SET category = 'Memory' || icd10_code")
    newer = diagnosed.run(lambda cursor: compute(cursor, now=LATER))
    for run in (older, newer):
        diagnosed.run(partial(publish, quality_run_id=run.quality_run_id, windows=run.windows))
        close(diagnosed, run)
    assert {category for _, category in revenue(diagnosed)} == {"MemoryJ44.9", "MemoryR41.3"}
    assert revenue(diagnosed)["12:00", "MemoryR41.3"] == ("103.00", 3, 2)
    assert broken(diagnosed) == []


def close(database: Database, run: Candidate) -> None:
    database.run(
        partial(
            close_run,
            quality_run_id=run.quality_run_id,
            verdict="published",
            published=run.windows,
            blocked=[],
        )
    )


def test_a_category_comes_back_after_all_were_gone(diagnosed: Database) -> None:
    change(diagnosed, "TRUNCATE analytics.tracked_diagnosis")
    compute_and_publish(diagnosed, LATER)
    stage_and_merge(diagnosed, "claim", claim(60, price=100, tsp=NOON + 60 * MINUTE))
    assert broken(diagnosed) == []
    change(diagnosed, "INSERT INTO analytics.tracked_diagnosis VALUES ('R41.3', 'Amnesia')")
    compute_and_publish(diagnosed, LATER)
    assert {window: figure[0] for (window, _), figure in revenue(diagnosed).items()} == {
        "12:00": "3.00",
        "12:30": "30.00",
        "13:00": "100.00",
    }
    assert broken(diagnosed) == []


def test_bounds_compute_those_windows_again(database: Database) -> None:
    stage_and_merge(database, "claim", *(claim(n, tsp=NOON + n * 10 * MINUTE) for n in range(6)))
    compute_and_publish(database, LATER)
    candidate = database.run(
        lambda cursor: compute(
            cursor, now=LATER, since=NOON + 12 * MINUTE, until=NOON + 30 * MINUTE
        )
    )
    assert candidate.windows == [NOON + 10 * MINUTE, NOON + 20 * MINUTE]
