"""How long the pages take behind a run, with few and with many recorded: `make bench-pages`.

Makes a server of its own, records runs with their checks, and builds the pages each time one run
more has ended. `--rows` fills the database with so many raw rows first. Prints a table, in which a
machine's speed cancels out in the ratio to the build with few runs. Exit code 1 where a build took
longer than is promised.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import click

from pipeline.core.database import Database
from pipeline.operations.embedded import server
from pipeline.report.pages import build_pages
from pipeline.schema.migrate import apply_schema
from prepared import INIT_SQL, make_server_home

PORT: Final = 25437
TRIES: Final = 5
FEW: Final = 10
PROMISED_SECONDS: Final = 1.0
PROMISED_SECONDS_WITH_ROWS: Final = 2.0
FIRST_WINDOW: Final = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW: Final = timedelta(minutes=10)

# As an analytics run every ten minutes leaves them: 21 checks, now and then one that fails.
RECORD_RUNS: Final = """
    WITH made AS (
        INSERT INTO analytics.quality_run
        (
            verdict, windows_published, merged_from, merged_through, closed_before,
            started_at, finished_at, published_windows
        )
        SELECT
            'published',
            1,
            number,
            number + 1,
            %(start)s + number * interval '10 minutes',
            %(start)s + number * interval '10 minutes',
            %(start)s + number * interval '10 minutes' + interval '1 second',
            tstzmultirange(
                tstzrange(
                    %(start)s + (number - 1) * interval '10 minutes',
                    %(start)s + number * interval '10 minutes'
                )
            )
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS number
        RETURNING quality_run_id, closed_before
    ),

    figure AS (
        INSERT INTO analytics.revenue_by_diagnosis
        SELECT
            made.closed_before - interval '10 minutes', category, 10, 1, 1,
            made.quality_run_id, made.closed_before
        FROM made, (VALUES ('Amnesia'), ('Asthma')) AS named (category)
        ON CONFLICT DO NOTHING
    )

    INSERT INTO analytics.quality_check
    (quality_run_id, suite, check_name, severity, status, rows_at_fault, rows_checked)
    SELECT
        made.quality_run_id,
        'claim',
        'What is to hold of every claim, number ' || number,
        CASE WHEN number < 15 THEN 'critical' ELSE 'warning' END,
        CASE WHEN number = 15 AND mod(made.quality_run_id, 7) = 0 THEN 'failed' ELSE 'passed' END,
        CASE WHEN number = 15 AND mod(made.quality_run_id, 7) = 0 THEN 3 ELSE 0 END,
        300
    FROM made, generate_series(1, 21) AS number
"""

# The merge has come to the end of the rows.
MOVE_CURSORS: Final = """
    UPDATE staging.merge_cursor AS c
    SET
        taken_seq = (SELECT max(e.seq) FROM staging.event AS e),
        looked_seq = (SELECT max(e.seq) FROM staging.event AS e),
        taken_at = now(),
        looked_at = now(),
        merged = made.merged,
        duplicate = made.duplicate,
        conflict = made.conflict,
        rejected = made.rejected
    FROM (
        SELECT
            o.stream,
            count(*) FILTER (WHERE o.fate = 'merged') AS merged,
            count(*) FILTER (WHERE o.fate = 'duplicate') AS duplicate,
            count(*) FILTER (WHERE o.fate = 'conflict') AS conflict,
            count(*) FILTER (WHERE o.fate = 'rejected') AS rejected
        FROM staging.outcome AS o
        GROUP BY o.stream
    ) AS made
    WHERE made.stream = c.stream
"""


def record_runs(database: Database, first: int, last: int) -> None:
    """Records runs that ended, by number."""
    with database.transaction() as cursor:
        cursor.execute(RECORD_RUNS, {"first": first, "last": last, "start": FIRST_WINDOW})


def builds(database: Database, folder: Path, runs: int) -> list[float]:
    """Seconds that each build takes behind one run more; the first, of all pages, isn't counted."""
    build(database, folder, runs)
    seconds = []
    for number in range(runs + 1, runs + 1 + TRIES):
        record_runs(database, number, number)
        seconds.append(build(database, folder, number))
    return seconds


def build(database: Database, folder: Path, runs: int) -> float:
    """Seconds that a build takes, just behind the last run."""
    now = FIRST_WINDOW + runs * WINDOW + timedelta(seconds=5)
    began = time.monotonic()
    database.run(partial(build_pages, folder=folder, now=now), snapshot=True)
    return time.monotonic() - began


@contextmanager
def office(rows: int) -> Iterator[Database]:
    """A database with so many raw rows, on a server of its own, removed in the end."""
    home = make_server_home()
    try:
        with (
            server(home, init_sql=INIT_SQL, say=click.echo, port=PORT) as url,
            closing(Database(url, name="benchmark", statement_seconds=3600)) as database,
        ):
            apply_schema(database)
            if rows:
                fill(database, rows)
            yield database
    finally:
        shutil.rmtree(home)


def fill(database: Database, rows: int) -> None:
    """Fills the raw and clean layers."""
    from benchmarks.rows import fill as fill_rows  # noqa: PLC0415

    began = time.monotonic()
    fill_rows(database, rows)
    with database.transaction() as cursor:
        cursor.execute(MOVE_CURSORS)
    click.echo(f"{rows:,} raw rows made in {time.monotonic() - began:.0f} s.")


@click.command()
@click.option("--runs", type=click.IntRange(min=FEW), default=1000, show_default=True)
@click.option("--rows", type=click.IntRange(min=0), default=0, show_default=True)
def main(runs: int, rows: int) -> None:
    """Times the build of the pages."""
    with office(rows) as database, tempfile.TemporaryDirectory() as folder:
        record_runs(database, 1, FEW)
        few = builds(database, Path(folder) / "few", FEW)
        record_runs(database, FEW + TRIES + 1, runs)
        first = build(database, Path(folder) / "many", runs)
        many = builds(database, Path(folder) / "many", runs)
    promised = PROMISED_SECONDS_WITH_ROWS if rows else PROMISED_SECONDS
    click.echo(f"{'runs recorded':<32}{'median':>10}{'slowest':>10}{'ratio':>8}")
    for name, seconds in ((f"{FEW}", few), (f"{runs:,}", many)):
        ratio = median(seconds) / median(few)
        click.echo(f"{name:<32}{median(seconds):>8.3f} s{max(seconds):>8.3f} s{ratio:>8.1f}")
    click.echo(f"{f'{runs:,}, a new folder':<32}{first:>8.3f} s")
    click.echo(f"Promised: {promised} s.")
    sys.exit(max(few + many) > promised)


if __name__ == "__main__":
    main()
