"""What stands in a database, asked over a connection of the test's own."""

from contextlib import closing
from typing import Any

import psycopg2

Row = tuple[Any, ...]

KNOW_PATIENT_0 = "INSERT INTO patient VALUES (0, 'No', 'Body', '1980-01-01')"
"""The simulated office sends events of a patient 0, who is in no table."""


def fetch(url: str, query: str) -> list[Row]:
    """Runs a query, or a statement that returns something, and commits."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        cursor.execute(query)
        return cursor.fetchall()


def execute(url: str, statements: str) -> None:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statements)


def reconciliation(url: str) -> dict[str, dict[str, int]]:
    """audit.reconciliation by stream, which has to be balanced."""
    names = ("received", "merged", "duplicate", "conflict", "rejected", "pending")
    found = {}
    query = f"SELECT stream, balanced, {', '.join(names)} FROM audit.reconciliation"
    for stream, balanced, *counts in fetch(url, query):
        assert balanced
        found[stream] = dict(zip(names, counts, strict=True))
    return found


def staged_ids(url: str, stream: str) -> list[int]:
    """The ids of all raw rows of a stream, in the order of arrival."""
    query = (
        f"SELECT payload::json ->> 'id' FROM staging.event WHERE stream = '{stream}' ORDER BY seq"
    )
    return [int(number) for (number,) in fetch(url, query)]


def received(url: str) -> int:
    """Raw rows of the stream that has fewer."""
    query = """
        SELECT count(e.seq) FROM staging.merge_cursor AS c
        LEFT JOIN staging.event AS e USING (stream) GROUP BY c.stream
    """
    return int(min(count for (count,) in fetch(url, query)))


def clean_rows(url: str) -> list[Row]:
    """All clean rows with the transaction that wrote each: equal only where none was touched."""
    return fetch(url, "SELECT xmin::text, * FROM claim ORDER BY id") + fetch(
        url, "SELECT xmin::text, * FROM diagnose ORDER BY id"
    )


def published(url: str) -> list[Row]:
    """The published figures: window, category, revenue, claims, patients."""
    return fetch(
        url,
        """
        SELECT to_char(window_start, 'HH24:MI'), category, revenue::text, claims, patients
        FROM analytics.revenue_by_diagnosis ORDER BY window_start, category
        """,
    )
