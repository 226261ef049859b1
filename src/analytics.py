"""The analytics job: every 10 minutes merges, computes, checks, publishes and reports.

Run as `python src/analytics.py`; SIGINT or SIGTERM stops it after the run that is under way.
"""

import logging
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

from models.scheduler import Scheduler
from pipeline.cycle import run_cycle
from pipeline.database import Database, once_reachable
from pipeline.errors import exit_on_office_error
from pipeline.logs import configure_logging
from pipeline.quality import Checker
from pipeline.report import build_report, docs_folder
from pipeline.schema import apply_schema
from pipeline.settings import Settings, load_settings
from utils.pipeline_utils import stop_at_end_of_input, stop_on_signals

# Where the database is; DATABASE_URL or the PG* variables say otherwise.
DB_NAME = "doctor_office"
DB_USER = "dataeng"
DB_PASSWORD = "best"  # noqa: S105  (the office's development password, overridable like the rest)
DB_HOST = "db"
DB_PORT = 5432

START_SECONDS = 60.0

log = logging.getLogger("analytics")


def main() -> int:
    """Runs until a signal comes."""
    settings = load_settings()
    configure_logging()
    stop = stop_on_signals()
    if settings.stop_at_end_of_input:
        stop_at_end_of_input(stop)
    dsn = settings.database_dsn(
        host=DB_HOST, port=DB_PORT, dbname=DB_NAME, user=DB_USER, password=DB_PASSWORD
    )
    with closing(Database(dsn, name="analytics")) as database:
        once_reachable(
            database, lambda: apply_schema(database), seconds=START_SECONDS, interrupt=stop
        )
        checker = Checker(
            dsn, expectations=settings.expectations, docs=docs_folder(settings.reports_folder)
        )
        scheduler = Scheduler()
        scheduler.every(
            settings.analytics_seconds,
            partial(analyse, database, checker, settings),
            name="analytics",
            aligned=True,
            offset=settings.analytics_grace_seconds,
            at_start=True,
        )
        scheduler.run(stop)
    log.info("stopped")
    return 0


def analyse(database: Database, checker: Checker, settings: Settings) -> None:
    """One run: merge, compute, check, publish, report."""
    now = datetime.now(UTC)
    run_cycle(database, checker, now=now, batch_size=settings.batch_size)
    report = partial(
        build_report, folder=settings.reports_folder, now=now, adminer=settings.adminer_url
    )
    database.run(report, snapshot=True)


if __name__ == "__main__":
    exit_on_office_error(main)
