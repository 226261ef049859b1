import threading
from datetime import UTC, datetime, timedelta
from functools import partial

from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    revenue,
    rows,
    stage,
    stage_and_merge,
    wait_until_blocked_or_over,
)
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.merge.merge import Look, merge_batch
from pipeline.revenue.revenue import WINDOWS_AT_ONCE, compute, publish

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
        merge_batch(cursor, "diagnose", batch_size=1000, look=Look.AHEAD)
        other = Database(database.dsn)
        other.run(partial(merge_batch, stream="claim", batch_size=1000, look=Look.AHEAD))
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


def test_bounds_compute_those_windows_again(database: Database) -> None:
    stage_and_merge(database, "claim", *(claim(n, tsp=NOON + n * 10 * MINUTE) for n in range(6)))
    compute_and_publish(database, LATER)
    candidate = database.run(
        lambda cursor: compute(
            cursor, now=LATER, since=NOON + 12 * MINUTE, until=NOON + 30 * MINUTE
        )
    )
    assert candidate.windows == [NOON + 10 * MINUTE, NOON + 20 * MINUTE]
