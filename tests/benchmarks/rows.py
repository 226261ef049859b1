"""Fills a database with as many raw rows as wanted, and with what became of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg2

from integration.events import compute_and_publish
from pipeline.core.database import Database

FIRST_ROW_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
RAW_ROWS_SQL: Final = (Path(__file__).parent / "raw_rows.sql").read_text(encoding="utf-8")
MARK_ALL_WINDOWS: Final = """
    INSERT INTO analytics.dirty_window (window_start)
    SELECT DISTINCT date_bin('10 minutes', c.tsp, timestamptz 'epoch') FROM claim AS c
    """


def fill(database: Database, rows: int) -> None:
    """Raw rows, outcomes, clean rows and published windows; what autovacuum does is done, too."""
    with database.transaction() as cursor:
        cursor.execute(RAW_ROWS_SQL, {"rows": rows})
        cursor.execute(MARK_ALL_WINDOWS)
    compute_and_publish(database, NOW)
    vacuum(database.dsn)


def vacuum(dsn: str) -> None:
    """Statistics and the map of what is visible to all, as autovacuum keeps them."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()
