"""What the peers share: arguments, a clean start of the clock, and the answer."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg2


def arguments(*, description: str | None) -> argparse.Namespace:
    """Where to work and on what; `files` holds the lines by stream."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dsn", required=True, help="the database, as libpq reads it")
    parser.add_argument("--url", required=True, help="the same as a URL")
    parser.add_argument("--folder", required=True, type=Path, help="for files of its own")
    parser.add_argument("--claim", type=Path, help="JSON lines of claims")
    parser.add_argument("--diagnose", type=Path, help="JSON lines of diagnoses")
    parser.add_argument("--unique-index", action="store_true", help="have one on the id")
    parser.add_argument("--empty-raw", action="store_true", help="keep no raw rows")
    parser.add_argument("--strategy", help="how dlt merges")
    asked = parser.parse_args()
    given = {"claim": asked.claim, "diagnose": asked.diagnose}
    asked.files = {stream: file for stream, file in given.items() if file}
    return asked


def execute(dsn: str, *statements: str) -> None:
    """Does statements, each in a transaction of its own."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def tell_seconds(dsn: str, work: Callable[[], None]) -> None:
    """Does the work and prints how long it took; what was written before is out of the way."""
    execute(dsn, "CHECKPOINT")
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")


def for_each_stream(files: dict[str, Path], work: Callable[[str, Path], None]) -> None:
    """Does the work for each stream, all at once."""
    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(work, files, files.values()))
