"""One story of an office, told to a database step by step; and what stands in it afterwards.

The times are those of the story, so that two databases can be compared to the last byte.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from e2e.lines import CLAIMS, DIAGNOSES
from generators import KNOWN
from integration.events import claim, compute_and_publish, diagnose, merge, rows
from pipeline.audit.verify import ROWS_SHOWN, verify
from pipeline.core.database import Database
from pipeline.merge.replay import replay
from pipeline.revenue.revenue import close_run, compute

Step = Callable[[Database], None]
Facts = dict[str, list[tuple[Any, ...]]]
Findings = dict[str, tuple[int, list[str]]]

NOON: Final = datetime(2026, 5, 4, 12, tzinfo=UTC)
EVENING: Final = NOON + timedelta(hours=8)
TOLD_SINCE: Final = datetime.now(UTC) - timedelta(hours=1)
DAYS: Final = "SELECT staging.make_partitions('2026-05-02', '2026-05-06')"
CODES: Final = ("R41.3", "J44.9", "I10")
# Four patients come to the office too late for their first events.
LATE_PATIENTS: Final = range(1001, 1005)

FACTS: Final = {
    "raw rows": """
        SELECT seq, stream, payload, encode(payload_bytes, 'hex'), received_at FROM staging.event
        """,
    "fates": """
        SELECT seq, stream, entity_id, fate, reason, run_id, received_at FROM staging.outcome
        """,
    "earlier fates": """
        SELECT seq, stream, entity_id, fate, reason, run_id FROM staging.outcome_history
        """,
    "claims": "SELECT id, code, price::text, patient_id, tsp FROM claim",
    "diagnoses": "SELECT id, icd10_code, patient_id, tsp FROM diagnose",
    "batches": """
        SELECT run_id, stream, is_sweep, merged, duplicate, conflict, rejected, dirtied_windows,
            earliest_at
        FROM staging.merge_run
        """,
    "cursors": """
        SELECT stream, taken_seq, taken_at, merged, duplicate, conflict, rejected
        FROM staging.merge_cursor
        """,
    "awaited": "SELECT stream, patient_id, seq, received_at FROM staging.awaited_patient",
    "marks": "SELECT window_start, run_id FROM analytics.dirty_window",
    "figures": """
        SELECT window_start, category, revenue::text, claims, patients
        FROM analytics.revenue_by_diagnosis
        """,
    "candidates": """
        SELECT quality_run_id, window_start, category, revenue::text, claims, patients
        FROM analytics.revenue_candidate
        """,
}


class UndoError(Exception):
    """Ends a transaction without a trace."""


def facts(database: Database) -> Facts:
    """All that came of the story, in a fixed order."""
    return {name: in_order(rows(database, query)) for name, query in FACTS.items()}


def in_order(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows in a fixed order; a time of today is told as such."""
    return sorted((tuple(map(without_today, row)) for row in found), key=repr)


def without_today(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, datetime) and value > TOLD_SINCE:
        return "today"
    return value


def findings(database: Database, damage: str = "SELECT 1") -> Findings:
    """What verify finds if something is damaged, which is undone again."""
    found: Findings = {}
    with suppress(UndoError), database.transaction() as cursor:
        cursor.execute(damage)
        for promise in verify(cursor):
            if not promise.holds:
                # Of many, each database shows others.
                shown = promise.examples if promise.rows_at_fault < ROWS_SHOWN else []
                found[promise.name] = promise.rows_at_fault, sorted(map(repr, shown))
        raise UndoError
    return found


def arrive(database: Database, at: datetime, events: list[tuple[str, bytes]]) -> None:
    """Stages events as if they had arrived at that time, a second after each other."""
    with database.transaction() as cursor:
        for number, (stream, payload) in enumerate(events):
            cursor.execute(
                """
                INSERT INTO staging.event (stream, payload, payload_bytes, received_at)
                VALUES (%s, %s, %s, %s)
                """,
                (stream, *text_or_bytes(payload), at + timedelta(seconds=number)),
            )


def text_or_bytes(payload: bytes) -> tuple[str | None, bytes | None]:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None, payload
    return (None, payload) if "\0" in text else (text, None)


def known() -> list[tuple[str, bytes]]:
    """What is known to be awkward, but for the largest; and the lines of the files to load."""
    awkward = [(each.stream, each.payload) for each in KNOWN if len(each.payload) < 10_000]
    lines = [("claim", line.payload) for line in CLAIMS]
    return awkward + lines + [("diagnose", line.payload) for line in DIAGNOSES]


def day(seed: int, count: int) -> list[tuple[str, bytes]]:
    """Claims and diagnoses with repeats of earlier ids, half of them with other content."""
    chance = random.Random(seed)
    return [event(chance) for _ in range(count)]


def event(chance: random.Random) -> tuple[str, bytes]:
    number = 1000 + chance.randrange(300)
    own = random.Random(number + 1_000_000 * (chance.random() < 0.1))
    patient = own.choice([*range(1, 40), *LATE_PATIENTS])
    at = NOON + timedelta(minutes=own.randrange(240))
    if own.random() < 0.6:
        return "claim", claim(number, patient=patient, price=own.randrange(1, 90), tsp=at)
    return "diagnose", diagnose(number, patient=patient, icd10_code=own.choice(CODES), tsp=at)


def awkward_events_arrive(database: Database) -> None:
    rows(database, DAYS)
    arrive(database, NOON, known())
    merge(database)


def a_day_is_merged_in_small_batches(database: Database) -> None:
    for number in range(4):
        arrive(database, NOON + timedelta(hours=1 + number), day(number, 150))
        merge(database)


def windows_are_published(database: Database) -> None:
    compute_and_publish(database, EVENING)


def late_patients_are_mended(database: Database) -> None:
    with database.transaction() as cursor:
        for number in LATE_PATIENTS:
            cursor.execute(f"INSERT INTO patient VALUES ({number}, 'A', 'B', '1980-01-01')")
    merge(database)


def late_events_change_windows(database: Database) -> None:
    arrive(database, EVENING, day(99, 100))
    merge(database)
    compute_and_publish(database, EVENING)


def rejected_rows_are_replayed(database: Database) -> None:
    replay(database, reason="bad_id")
    merge(database)


def a_category_is_added(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("INSERT INTO analytics.tracked_diagnosis VALUES ('I10', 'Hypertension')")
    compute_and_publish(database, EVENING)


def windows_are_held_back(database: Database) -> None:
    arrive(database, EVENING + timedelta(hours=1), day(7, 40))
    merge(database)
    held_back = database.run(lambda cursor: compute(cursor, now=EVENING))
    database.run(
        lambda cursor: close_run(
            cursor,
            held_back.quality_run_id,
            verdict="blocked",
            published=[],
            blocked=held_back.windows,
        )
    )


STORY: Final[tuple[Step, ...]] = (
    awkward_events_arrive,
    a_day_is_merged_in_small_batches,
    windows_are_published,
    late_patients_are_mended,
    late_events_change_windows,
    rejected_rows_are_replayed,
    a_category_is_added,
    windows_are_held_back,
)


def tell(database: Database, story: tuple[Step, ...] = STORY) -> Iterator[str]:
    """Tells the story; yields the name of each step that is done."""
    for step in story:
        step(database)
        yield step.__name__


# What a story and what follows it leave where nobody else's tests do.
FORGET: Final = (
    "DELETE FROM analytics.tracked_diagnosis WHERE icd10_code = 'I10'",
    "DELETE FROM analytics.backfilled_diagnosis",
    "DELETE FROM staging.archived_day",
    *(
        f"DROP TABLE IF EXISTS staging.{table}_2026050{day}"
        for table in ("event", "outcome")
        for day in range(2, 7)
    ),
)

A_MERGED_ROW: Final = """
    (SELECT min(seq) FROM staging.outcome WHERE fate = 'merged' AND stream = 'claim')
    """
DAMAGES: Final = {
    "nothing": "SELECT 1",
    "a clean row is gone": "DELETE FROM claim WHERE id = 4",
    "a clean row was changed": "UPDATE claim SET price = price + 1 WHERE id = 4",
    "a clean row came from nowhere": "INSERT INTO claim VALUES (99, 'A', 1, 1, '2026-05-04')",
    "all clean rows are gone": "DELETE FROM diagnose",
    "an outcome is gone": f"DELETE FROM staging.outcome WHERE seq = {A_MERGED_ROW}",
    "another fate": f"UPDATE staging.outcome SET fate = 'conflict' WHERE seq = {A_MERGED_ROW}",
    "a batch that is not there": f"""
        UPDATE staging.outcome SET run_id = 999 WHERE seq = {A_MERGED_ROW}
        """,
    "a doubled outcome": f"""
        INSERT INTO staging.outcome (seq, stream, entity_id, fate, reason, run_id, received_at)
        SELECT seq, stream, entity_id, fate, reason, run_id, received_at - interval '1 day'
        FROM staging.outcome WHERE seq = {A_MERGED_ROW}
        """,
    "a raw row is gone": f"DELETE FROM staging.event WHERE seq = {A_MERGED_ROW}",
    "a raw row was changed": f"""
        UPDATE staging.event SET payload = '{{}}' WHERE seq = {A_MERGED_ROW}
        """,
    "another count of a batch": "UPDATE staging.merge_run SET merged = merged + 1 WHERE run_id = 2",
    "another count of the cursor": "UPDATE staging.merge_cursor SET merged = merged + 1",
    "the marks are gone": "DELETE FROM analytics.dirty_window",
    "a figure was changed": "UPDATE analytics.revenue_by_diagnosis SET revenue = 1",
    "a figure is gone": "DELETE FROM analytics.revenue_by_diagnosis WHERE category = 'Amnesia'",
}
