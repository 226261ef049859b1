"""Events in a few words, and what stands in the database afterwards."""

import json
import re
import threading
import time
from datetime import datetime
from typing import Any

from pipeline.core.database import Database
from pipeline.core.statements import execute
from pipeline.merge.merge import merge_pending
from pipeline.revenue.revenue import close_run, compute, publish
from pipeline.staging.append import append

PASS_OVER = """
    WITH forgotten AS (DELETE FROM staging.look_back)
    UPDATE staging.merge_cursor
    SET taken_seq = (SELECT coalesce(max(seq), 0) FROM staging.event),
        looked_seq = (SELECT coalesce(max(seq), 0) FROM staging.event)
    """
# Not those of other schemas: an extension has sequences of its own.
RESTART_NUMBERS = """
    SELECT setval(c.oid::regclass, 1, false) FROM pg_class AS c
    WHERE c.relkind = 'S'
        AND c.relnamespace IN ('staging'::regnamespace, 'analytics'::regnamespace)
    """
# What refers to another table stands before it.
FILLED_BY_ARRIVALS = (
    "analytics.notice",
    "analytics.trouble",
    "analytics.window_release",
    "analytics.revenue_by_diagnosis",
    "analytics.revenue_candidate",
    "analytics.dirty_window",
    "analytics.quality_check",
    "analytics.stream_habit",
    "analytics.quality_run",
    "staging.outcome_history",
    "staging.look_back",
    "staging.awaited_patient",
    "staging.merge_run",
    "staging.erasure",
    "staging.outcome",
    "staging.event",
    "claim",
    "diagnose",
)
PARTITION = re.compile(r"_(default|before_\d{8}|\d{8})$")


def claim(
    number: int,
    *,
    patient: int = 1,
    price: float = 10,
    code: str = "03230",
    tsp: datetime | None = None,
) -> bytes:
    event = {"id": number, "patient_id": patient, "code": code, "price": price}
    return _json(event, tsp)


def diagnose(
    number: int, *, patient: int = 1, icd10_code: str = "R41.3", tsp: datetime | None = None
) -> bytes:
    return _json({"id": number, "patient_id": patient, "icd10_code": icd10_code}, tsp)


def _json(event: dict[str, object], tsp: datetime | None) -> bytes:
    return json.dumps(event if tsp is None else {**event, "tsp": tsp.isoformat()}).encode()


def stage(database: Database, stream: str, *payloads: bytes) -> None:
    with database.transaction() as cursor:
        for payload in payloads:
            append(cursor, stream, [payload])


def stage_and_merge(database: Database, stream: str, *payloads: bytes) -> None:
    stage(database, stream, *payloads)
    merge(database)


def merge(database: Database) -> None:
    list(merge_pending(database, batch_size=1000))


def pass_over(database: Database) -> None:
    """Moves the cursors behind all that has arrived, as if it had been merged."""
    with database.transaction() as cursor:
        cursor.execute(PASS_OVER)


def empty(database: Database) -> None:
    """Removes all that has arrived and come of it; the 1,000 given patients stay.

    Deletes: TRUNCATE takes a hundred times as long, as it makes new files for every day.
    """
    with database.transaction() as cursor:
        execute(cursor, "schema/version/in_sequence")
        for table in FILLED_BY_ARRIVALS:
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("DELETE FROM patient WHERE id > 1000")
        cursor.execute(RESTART_NUMBERS)
        cursor.execute("""
            UPDATE staging.merge_cursor
            SET taken_seq = 0, taken_at = '-infinity', looked_seq = 0, looked_at = '-infinity',
                looked_snapshot = '1:1:', awaited_from = -9223372036854775808,
                merged = 0, duplicate = 0, conflict = 0, rejected = 0
            """)


def compute_and_publish(database: Database, now: datetime) -> list[datetime]:
    """An analytics run without its checks."""
    candidate = database.run(lambda cursor: compute(cursor, now=now))
    with database.transaction() as cursor:
        published = publish(cursor, candidate.quality_run_id, candidate.windows)
        close_run(
            cursor,
            candidate.quality_run_id,
            verdict="published",
            published=published,
            blocked=[],
        )
    return published


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(query)
        return [tuple(row) for row in cursor.fetchall()]


def table_of(relation: str) -> str:
    """The table that a relation of a plan is, or is a partition of."""
    return PARTITION.sub("", relation)


def fates(database: Database, stream: str = "claim") -> list[str]:
    query = "SELECT stream, fate FROM audit.raw_vs_clean ORDER BY seq"
    return [fate for of, fate in rows(database, query) if of == stream]


def revenue(database: Database) -> dict[tuple[str, str], tuple[str, int, int]]:
    """The published figures: (window as HH:MM, category) to (revenue, claims, patients)."""
    return {
        (start, category): (str(amount), claims, patients)
        for start, category, amount, claims, patients in rows(
            database,
            """
            SELECT to_char(window_start AT TIME ZONE 'UTC', 'HH24:MI'), category,
                   revenue, claims, patients
            FROM analytics.revenue_by_diagnosis
            """,
        )
    }


def wait_until_blocked_or_over(database: Database, thread: threading.Thread) -> None:
    """Waits until somebody in the database waits for a lock, or the thread has ended."""
    waiting = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
        """
    while thread.is_alive() and rows(database, waiting) == [(0,)]:
        time.sleep(0.05)
