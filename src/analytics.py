"""The analytics job: once a window it merges, computes, checks, publishes and reports.

Run as `python src/analytics.py`; SIGINT, SIGTERM or SIGHUP stops it after the run under way.
"""

import gc
import logging
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial

from models.scheduler import Scheduler
from pipeline.archive.archive import archive
from pipeline.audit.verify import find_fault, find_unbalanced_now
from pipeline.core.database import Database, once_reachable
from pipeline.core.errors import OfficeError, exit_on_office_error
from pipeline.core.logs import configure_logging
from pipeline.core.settings import Settings, load_settings
from pipeline.core.window import read_window_length
from pipeline.operations.health import LastTime, overdue_after
from pipeline.operations.metrics import AnalyticsMetrics, read_windows, window_families
from pipeline.operations.monitor import monitoring
from pipeline.operations.notices import telling_as_set
from pipeline.operations.question import NoAnswerError, Question
from pipeline.operations.trouble import archive_ended, archive_failed, reconciled, run_ended
from pipeline.quality.checks import Checker
from pipeline.quality.cycle import CycleResult, run_cycle
from pipeline.report.pages import build_pages, docs_folder
from pipeline.schema.migrate import apply_schema, schema_version, warn_of_shortcomings
from pipeline.schema.partitions import make_partitions
from utils.pipeline_utils import stop_at_end_of_input, stop_on_signals

# The default database; DATABASE_URL or the PG* variables replace it.
DB_NAME = "doctor_office"
DB_USER = "dataeng"
DB_PASSWORD = "best"  # noqa: S105  (the office's development password, overridable like the rest)
DB_HOST = "db"
DB_PORT = 5432

START_SECONDS = 60.0
# The period that is reconciled after a run, so that the cost does not grow with history.
RECENT = timedelta(hours=24)
# Archiving runs once a day at 02:02:30 UTC, when the office is quiet.
ARCHIVE_SECONDS = 86_400.0
ARCHIVE_OFFSET_SECONDS = 2 * 3600 + 150.0

log = logging.getLogger("analytics")


class AnalyticsMonitor:
    """The metrics and health of the analytics job."""

    def __init__(self, dsn: str) -> None:
        self.metrics = AnalyticsMetrics()
        self.run = LastTime("analytics run")
        self._windows = Question(dsn, read_windows, name="analytics metrics")
        self.metrics.watch_state(self._windows, window_families)

    def expect_a_run_every(self, period: timedelta) -> None:
        """From now on, reports a problem when two runs are missed."""
        self.run.most_seconds = overdue_after(period).total_seconds()

    def problems(self) -> list[str]:
        """The reasons why the job is not healthy; empty if it is."""
        try:
            self._windows.ask()
        except NoAnswerError as error:
            return [*self.run.problems(), f"the database does not answer: {error}"]
        return self.run.problems()


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
    log.info("started", extra={"schema": schema_version()})
    monitor = AnalyticsMonitor(dsn)
    with (
        monitoring(
            monitor.metrics.registry,
            monitor.problems,
            address=settings.metrics_address,
            port=settings.analytics_metrics_port,
        ),
        closing(Database(dsn, name="analytics")) as database,
    ):
        monitor.metrics.watch_link(database)
        period, checker = once_reachable(
            database, partial(start, database, settings), seconds=START_SECONDS, interrupt=stop
        )
        monitor.expect_a_run_every(period)
        # What is there by now stays: the garbage collector need not look through it again.
        gc.freeze()
        scheduler = Scheduler()
        scheduler.every(
            period.total_seconds(),
            partial(analyse, database, checker, settings, monitor),
            name="analytics",
            aligned=True,
            offset=settings.analytics_grace_seconds,
            at_start=True,
        )
        scheduler.every(
            ARCHIVE_SECONDS,
            partial(archive_due, database, settings),
            name="archive",
            aligned=True,
            offset=ARCHIVE_OFFSET_SECONDS,
            at_start=True,
        )
        with telling_as_set(dsn, settings, period, on_told=monitor.metrics.told):
            scheduler.run(stop)
    log.info("stopped")
    return 0


def start(database: Database, settings: Settings) -> tuple[timedelta, Checker]:
    """What the job needs of the database before its first run: its period and its checks."""
    apply_schema(database, ids=settings.ids, window_minutes=settings.window_minutes)
    database.run(warn_of_shortcomings)
    period = settings.analytics_period(database.run(read_window_length))
    checker = Checker(
        database.dsn, expectations=settings.expectations, docs=docs_folder(settings.reports_folder)
    )
    return period, checker


def analyse(
    database: Database, checker: Checker, settings: Settings, monitor: AnalyticsMonitor
) -> None:
    """One run: merge, compute, check, publish, report."""
    now = datetime.now(UTC)
    with monitor.metrics.counting_failures():
        make_partitions(database)
        result = run_cycle(
            database,
            checker,
            now=now,
            batch_size=settings.batch_size,
            statement_seconds=settings.merge_statement_seconds,
            zone=settings.timezone,
            on_batch=monitor.metrics.batch_merged,
        )
        monitor.metrics.run_ended(result)
        database.run(partial(run_ended, result=result, now=now))
        tell(result)
        report = partial(
            build_pages,
            folder=settings.reports_folder,
            now=now,
            notation=settings.notation,
            adminer=settings.adminer_url,
        )
        database.run(report, snapshot=True)
        unbalanced = find_unbalanced_now(database, since=now - RECENT)
        monitor.metrics.reconciled(unbalanced)
        database.run(partial(reconciled, unbalanced=unbalanced, now=now))
    monitor.run.is_now()


def archive_due(database: Database, settings: Settings) -> None:
    """Archives the days that are older than the retention, if a retention is set."""
    try:
        days = archive(
            database,
            folder=settings.archive_folder,
            keep_days=settings.retention_days,
            find_fault=partial(find_fault, database, settings.archive_folder, settings.patience),
        )
    except OfficeError as error:
        log.warning("days left unarchived", extra={"reason": str(error)})
        database.run(partial(archive_failed, now=datetime.now(UTC)))
        return
    database.run(partial(archive_ended, days=days, now=datetime.now(UTC)))
    for day in days:
        if day.reason_left:
            log.warning("day left unarchived", extra={"day": day.day, "reason": day.reason_left})
        else:
            archived = {"day": day.day, "rows": day.raw_rows, "file": day.file_name}
            log.info("day archived", extra=archived)


def tell(result: CycleResult) -> None:
    """Logs how a run ended, and which checks did not pass."""
    run = {"run_id": result.quality_run_id}
    for check in result.failures:
        said = asdict(check)
        del said["window_start"]
        log.warning("check failed", extra=run | said)
    counts = {"published": len(result.published), "blocked": len(result.blocked)}
    ended = run | {"verdict": result.verdict, **counts, "seconds": result.seconds}
    log.info("analytics run ended", extra=ended)


if __name__ == "__main__":
    exit_on_office_error(main)
