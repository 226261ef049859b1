"""The office's commands: `python src/office.py COMMAND`, `--help` says which there are."""

import fcntl
import json
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click
import psycopg2
import psycopg2.errors
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import Progress, track, wrap_file

from pipeline import display, display_explain, embedded
from pipeline.contract import REASONS
from pipeline.database import (
    PASSING_ERRORS,
    Database,
    address,
    describe,
    wait_until_reachable,
)
from pipeline.errors import OfficeError, exit_on_office_error
from pipeline.explain import WINDOW, explain_claim, explain_diagnose, explain_window, window_of
from pipeline.logs import configure_logging
from pipeline.merge import merge_pending
from pipeline.pages import serving
from pipeline.processes import Processes
from pipeline.rebuild import rebuild
from pipeline.release import release
from pipeline.replay import replay
from pipeline.report import build_report, docs_folder
from pipeline.roles import login_as, set_passwords
from pipeline.schema import apply_schema
from pipeline.settings import PROJECT_FOLDER, Settings, load_settings
from pipeline.staging import STREAMS, load_lines
from pipeline.status import Status, read_status
from pipeline.terminal import own_ctrl_c
from pipeline.verify import verify
from utils.pipeline_utils import stop_on_signals

# Where the database is, for what the PG* variables leave open; without DATABASE_URL, PGHOST and
# PGDATABASE it is the embedded server.
DB_NAME = "doctor_office"
DB_USER = "dataeng"
DB_PASSWORD = "best"  # noqa: S105  (the office's development password, overridable like the rest)
DB_HOST = "127.0.0.1"
DB_PORT = 5432

INIT_SQL = PROJECT_FOLDER / "setup" / "init_db.sql"
# The services, each with the role it logs in as.
SERVICES = {"ingestor": "merge", "analytics": "analytics"}
START_SECONDS = 10.0
STOP_SECONDS = 8.0
REFRESH_SECONDS = 1.0
PLAIN_LINE_SECONDS = 5.0

SOMETHING_WRONG = 1

# What `verify` checks unless it is told otherwise.
RECENT = timedelta(hours=24)

as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON.")
EVENT_ID = click.IntRange(0, 2**63 - 1)


def as_moment(_: click.Context, parameter: click.Parameter, text: str) -> datetime:
    """The moment that an argument names, of a window that time can hold."""
    name = str(parameter.metavar)
    moment = parse_moment(text, name)
    try:
        window_of(moment) + WINDOW
    except OverflowError:
        raise click.BadParameter(f"{text!r} is too far away", param_hint=name) from None
    return moment


def as_reason(_: click.Context, __: click.Parameter, text: str) -> str:
    """A reason that says something, in one line."""
    reason = " ".join(text.split())
    if not reason or not reason.isprintable():
        raise click.BadParameter("it must be text that says something")
    return reason


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def office() -> None:
    """The doctor's office: from two streams of raw events to checked revenue per window.

    Commands use the database of DATABASE_URL, else of the PG* variables, else an embedded
    PostgreSQL 18, which they start and stop as needed.
    """


@office.command()
@click.option("--stop", "is_stop", is_flag=True, help="Stop it instead.")
def db(*, is_stop: bool) -> None:
    """Start the embedded server, to stay, and print its URL: psql "$(python src/office.py db)"."""
    settings = load_settings()
    if not is_stop:
        click.echo(embedded.start(settings.home, init_sql=INIT_SQL, say=say))
    elif not embedded.stop(settings.home):
        say("The embedded server wasn't running.")


@office.command()
def migrate() -> None:
    """Bring the database to the present schema; give roles the passwords that are set.

    OFFICE_INGEST_PASSWORD, OFFICE_MERGE_PASSWORD, OFFICE_ANALYTICS_PASSWORD and
    OFFICE_AUDITOR_PASSWORD, or files of these names in the secrets folder, hold them.
    """
    settings = load_settings()
    with office_database(settings, "office migrate") as database:
        database.run(partial(set_passwords, passwords=settings.role_passwords))
    roles = ", ".join(f"office_{role}" for role in settings.role_passwords) or "none"
    click.echo(f"The schema is up to date; passwords given to: {roles}.")


@office.command()
@click.option(
    "--for", "seconds", type=click.FloatRange(min=0), help="Stop by itself after so many SECONDS."
)
def run(seconds: float | None) -> None:
    """Run everything, with a live status; Ctrl-C drains and stops."""
    settings = load_settings()
    stop = stop_on_signals()
    with (
        own_ctrl_c(),
        only_one_run(settings.home),
        office_database(settings, "office run") as database,
    ):
        processes = Processes(settings.home / "logs")
        passwords = passwords_for_services(settings)
        database.run(partial(set_passwords, passwords=passwords))
        with serving(settings.reports_folder, settings.reports_port) as pages:
            if not pages.endswith(f":{settings.reports_port}"):
                say(f"Port {settings.reports_port} is taken; the pages are at {pages} instead.")
            for name, role in SERVICES.items():
                environment = {
                    "DATABASE_URL": login_as(database.dsn, role, passwords[role]),
                    "OFFICE_INGEST_PASSWORD": passwords["ingest"],
                    "OFFICE_REPORTS": str(settings.reports_folder),
                }
                processes.start(name, environment)
            try:
                ended = watch(database, processes, stop, seconds=seconds, pages=pages)
            finally:
                badly_ended = processes.stop(STOP_SECONDS)
        show(Console(), database.run(read_status))
    failed = sorted({*ended, *badly_ended})
    if failed:
        logs = ", ".join(str(processes.log(name)) for name in failed)
        raise OfficeError(f"{' and '.join(failed)} ended unexpectedly: see {logs}.")


@office.command()
@click.argument("file", type=click.File("rb"))
@click.option("--stream", type=click.Choice(STREAMS), required=True, help="The stream it is of.")
@as_json
def load(file: BinaryIO, stream: str, *, is_json: bool) -> None:
    """Append a FILE of JSON lines (- for standard input) to staging, bad lines included.

    Example: python src/office.py load history.jsonl --stream claim
    """
    with office_database(load_settings(), "office load") as database, with_progress(file) as lines:
        staged = sum(load_lines(database, stream, lines))
    report({"stream": stream, "staged": staged}, f"{staged} lines staged.", is_json=is_json)


@office.command()
@as_json
def merge(*, is_json: bool) -> None:
    """Merge until nothing is pending."""
    settings = load_settings()
    totals = dict.fromkeys(display.FATES, 0)
    with office_database(settings, "office merge") as database:
        for batch in merge_pending(database, batch_size=settings.batch_size):
            for fate in totals:
                totals[fate] += getattr(batch, fate)
    text = ", ".join(f"{fate} {count}" for fate, count in totals.items())
    report(totals, f"{text}.", is_json=is_json)


@office.command()
@click.option("--from", "since", metavar="T", help="Recompute from the window of T on (ISO 8601).")
@click.option("--to", "until", metavar="T", help="Recompute windows that start before T.")
@as_json
def analytics(since: str | None, until: str | None, *, is_json: bool) -> None:
    """Run analytics once: merge, compute, check, publish, report; with bounds, those windows.

    Example: python src/office.py analytics --from 2026-11-24T14:00Z --to 2026-11-24T15:00Z
    """
    bounds = {"since": parse_time(since, "--from"), "until": parse_time(until, "--to")}
    # Great Expectations takes seconds to import: only this command pays for it.
    from pipeline.cycle import run_cycle  # noqa: PLC0415
    from pipeline.quality import Checker  # noqa: PLC0415

    settings = load_settings()
    now = datetime.now(UTC)
    with office_database(settings, "office analytics") as database:
        checker = Checker(
            database.dsn,
            expectations=settings.expectations,
            docs=docs_folder(settings.reports_folder),
        )
        result = run_cycle(
            database,
            checker,
            now=now,
            batch_size=settings.batch_size,
            since=bounds["since"],
            until=bounds["until"],
        )
        index = build_pages(database, settings, settings.reports_folder)
    report(result.as_dict(), "\n".join([*result.lines(), f"Report: {index}"]), is_json=is_json)
    if result.found_something_wrong:
        sys.exit(SOMETHING_WRONG)


@office.command()
@click.option("--max-lag", type=float, help="Exit 1 if a raw row is pending for more SECONDS.")
@click.option("--max-run-age", type=float, help="Exit 1 if no analytics run ended for SECONDS.")
@as_json
def status(max_lag: float | None, max_run_age: float | None, *, is_json: bool) -> None:
    """Show streams, lag, pending and the last analytics run."""
    with office_database(load_settings(), "office status") as database:
        found = database.run(read_status)
    if is_json:
        click.echo(to_json(found.as_dict()))
    else:
        Console().print(display.status_table(found))
    if is_late(found.lag_seconds, max_lag) or is_late(found.run_age_seconds, max_run_age):
        sys.exit(SOMETHING_WRONG)


@office.command("verify")
@click.option("--all", "is_all", is_flag=True, help="Check everything, not only a recent slice.")
@click.option(
    "--since",
    metavar="T",
    help="Check what came in, was merged or published since T (ISO 8601) instead of in a day.",
)
@as_json
def verify_command(since: str | None, *, is_all: bool, is_json: bool) -> None:
    """Check every promise that the data can show, from one snapshot; exit 1 where one is broken.

    Without --all or --since, for what came in, was merged or published in the last 24 hours.
    """
    if is_all and since:
        raise click.UsageError("--all checks everything: it goes without --since.")
    settings = load_settings()
    begin = parse_time(since, "--since") or datetime.now(UTC) - RECENT
    with office_database(settings, "office verify") as database:
        promises = database.run(
            lambda cursor: verify(
                cursor,
                since=None if is_all else begin,
                patience=timedelta(seconds=2 * settings.analytics_seconds),
                watch=progress("Verifying") if is_all else iter,
            ),
            snapshot=True,
        )
    report(
        [vars(promise) for promise in promises],
        "\n".join(display.promise_lines(promises)),
        is_json=is_json,
    )
    if not all(promise.holds for promise in promises):
        sys.exit(SOMETHING_WRONG)


@office.command("replay")
@click.option("--reason", type=click.Choice(list(REASONS)), help="Only what was rejected for it.")
@as_json
def replay_command(reason: str | None, *, is_json: bool) -> None:
    """Put rejected raw rows back to pending, to be merged again.

    Example, once a missing patient is there: python src/office.py replay --reason unknown_patient
    """
    with office_database(load_settings(), "office replay") as database:
        replayed = replay(database, reason=reason)
    report(
        [asdict(each) for each in replayed],
        "\n".join(display.replay_lines(replayed)),
        is_json=is_json,
    )


@office.command("rebuild")
@click.option("--apply", "is_applied", is_flag=True, help="Put the live clean layer right.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Outcomes rebuilt in one transaction.",
)
@as_json
def rebuild_command(batch_size: int, *, is_applied: bool, is_json: bool) -> None:
    """Rebuild the clean layer from staging beside the live one; exit 1 where they differ.

    The pipeline may go on meanwhile. With --apply the live layer is put right, and the windows
    concerned are marked to be computed again.
    """
    with (
        office_database(load_settings(), "office rebuild") as database,
        bar("Rebuilding") as watch,
    ):
        found = rebuild(database, batch_size=batch_size, is_applied=is_applied, watch=watch)
    report(asdict(found), "\n".join(display.rebuild_lines(found)), is_json=is_json)
    if found.differences and not is_applied:
        sys.exit(SOMETHING_WRONG)


@office.command("report")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to build them in."
)
def report_command(out: Path | None) -> None:
    """Build the pages."""
    settings = load_settings()
    with office_database(settings, "office report") as database:
        click.echo(build_pages(database, settings, out or settings.reports_folder))


@office.group()
def explain() -> None:
    """Tell how a claim, a diagnosis or a window's figures came about."""


@explain.command("claim")
@click.argument("claim_id", metavar="ID", type=EVENT_ID)
@as_json
def explain_claim_command(claim_id: int, *, is_json: bool) -> None:
    """Tell what arrived as claim ID, what became of it, and what it counts for."""
    with office_database(load_settings(), "office explain") as database:
        claim = database.run(lambda cursor: explain_claim(cursor, claim_id), snapshot=True)
    text = "\n".join(display_explain.claim_lines(claim))
    report(claim.as_dict(), text, is_json=is_json)


@explain.command("diagnose")
@click.argument("diagnose_id", metavar="ID", type=EVENT_ID)
@as_json
def explain_diagnose_command(diagnose_id: int, *, is_json: bool) -> None:
    """Tell what arrived as diagnosis ID, what became of it, and which windows it touches."""
    with office_database(load_settings(), "office explain") as database:
        found = database.run(lambda cursor: explain_diagnose(cursor, diagnose_id), snapshot=True)
    text = "\n".join(display_explain.diagnose_lines(found))
    report(found.as_dict(), text, is_json=is_json)


@explain.command("window")
@click.argument("moment", metavar="T", callback=as_moment)
@as_json
def explain_window_command(moment: datetime, *, is_json: bool) -> None:
    """Tell how the figures of the window that holds T (ISO 8601) come about; exit 1 if they don't.

    Example: python src/office.py explain window 2026-11-24T14:20
    """
    with office_database(load_settings(), "office explain") as database:
        found = database.run(lambda cursor: explain_window(cursor, moment), snapshot=True)
    report(found.as_dict(), "\n".join(display_explain.window_lines(found)), is_json=is_json)
    if found.found_something_wrong:
        sys.exit(SOMETHING_WRONG)


@office.command("release")
@click.argument("moment", metavar="WINDOW", callback=as_moment)
@click.option("--reason", metavar="TEXT", required=True, callback=as_reason, help="Why, for all.")
@as_json
def release_command(moment: datetime, reason: str, *, is_json: bool) -> None:
    """Publish the WINDOW (any moment in it, ISO 8601) that a check holds back, on the record.

    Example: python src/office.py release 2026-11-24T14:20 --reason "A true price, says billing."
    """
    with office_database(load_settings(), "office release") as database:
        done = database.run(lambda cursor: release(cursor, window_of(moment), reason=reason))
    report(done.as_dict(), "\n".join(done.lines()), is_json=is_json)


def passwords_for_services(settings: Settings) -> dict[str, str]:
    """The passwords that are set, and for the roles of our own services new ones."""
    chosen = {role: secrets.token_urlsafe() for role in ("ingest", *SERVICES.values())}
    return chosen | settings.role_passwords


@contextmanager
def office_database(settings: Settings, name: str) -> Iterator[Database]:
    """The database that the environment names, else the embedded one, with the present schema."""
    configure_logging(level=logging.WARNING)
    with database_dsn(settings) as dsn, closing(Database(dsn, name=name)) as database:
        wait_until_reachable(database, seconds=START_SECONDS)
        try:
            apply_schema(database)
            yield database
        except psycopg2.errors.InsufficientPrivilege:
            raise OfficeError(
                f"The user of the database at {address(dsn)} may not do this: "
                "name its owner in DATABASE_URL."
            ) from None
        except psycopg2.Error as error:
            raise OfficeError(
                f"The database at {address(dsn)} failed: {describe(error)}. Its own log says more."
            ) from None


@contextmanager
def database_dsn(settings: Settings) -> Iterator[str]:
    """Where the database is; starts the embedded server where nothing else is named."""
    if settings.database_is_named():
        yield settings.database_dsn(
            host=DB_HOST, port=DB_PORT, dbname=DB_NAME, user=DB_USER, password=DB_PASSWORD
        )
        return
    with embedded.server(settings.home, init_sql=INIT_SQL, say=say) as dsn:
        yield dsn


@contextmanager
def only_one_run(home: Path) -> Iterator[None]:
    """Holds the lock of `run`; the kernel lets go of it however the process ends."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise OfficeError(
                f"The office runs already, as process {lock.read().strip()}: stop that one first.",
                exit_code=2,
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def watch(
    database: Database,
    processes: Processes,
    stop: threading.Event,
    *,
    seconds: float | None,
    pages: str,
) -> list[str]:
    """Shows the status until it is time to stop; the names of processes that ended before."""
    console = Console()
    deadline = None if seconds is None else time.monotonic() + seconds
    with Live(console=console, auto_refresh=False, transient=True) as live:
        next_line = 0.0
        while not stop.is_set() and not processes.ended():
            if console.is_terminal:
                live.update(status_or_trouble(database, pages), refresh=True)
            elif time.monotonic() >= next_line:
                show(console, database.run(read_status))
                next_line = time.monotonic() + PLAIN_LINE_SECONDS
            left = REFRESH_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                break
            stop.wait(min(left, REFRESH_SECONDS))
    return processes.ended()


def status_or_trouble(database: Database, pages: str) -> RenderableType:
    """The status for a terminal; while the database is away, that it is."""
    try:
        return display.status_table(database.run(read_status), pages=pages)
    except PASSING_ERRORS as error:
        return f"The database doesn't answer ({describe(error)}); trying again."


def show(console: Console, found: Status) -> None:
    """Prints the status: a table for a terminal, else a line."""
    if console.is_terminal:
        console.print(display.status_table(found))
    else:
        click.echo(display.status_line(found))


@contextmanager
def with_progress(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file, read under a progress bar where it has an end and there is a terminal."""
    if not (file.seekable() and sys.stderr.isatty()):
        yield file
        return
    size = os.fstat(file.fileno()).st_size
    console = Console(stderr=True)
    with wrap_file(file, size, description="Loading", console=console) as watched:
        yield watched


def progress(description: str) -> Callable[[Sequence[str]], Iterable[str]]:
    """Shows a bar while a list is worked through, where there is a terminal."""
    console = Console(stderr=True)
    return partial(track, description=description, console=console, disable=not console.is_terminal)


@contextmanager
def bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """What is told of work done, and of how much in all, moves a bar where there is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task(description, total=None)
        yield lambda done, total: shown.update(task, advance=done, total=total)


def build_pages(database: Database, settings: Settings, folder: Path) -> Path:
    """Builds the pages from one snapshot; gives the index page."""
    build = partial(
        build_report, folder=folder, now=datetime.now(UTC), adminer=settings.adminer_url
    )
    return database.run(build, snapshot=True)


def is_late(seconds: float | None, most: float | None) -> bool:
    """Whether more than the most allowed has passed, or nothing was seen at all."""
    return most is not None and (seconds is None or seconds > most)


def parse_time(text: str | None, option: str) -> datetime | None:
    """A time of the command line, where one is given."""
    return None if text is None else parse_moment(text, option)


def parse_moment(text: str, option: str) -> datetime:
    """A time of the command line; one without an offset is UTC."""
    try:
        time_given = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time such as 2026-11-24T14:00Z", param_hint=option
        ) from None
    return time_given if time_given.tzinfo else time_given.replace(tzinfo=UTC)


def report(data: object, text: str, *, is_json: bool) -> None:
    """Prints a result, for a program or for a person."""
    click.echo(to_json(data) if is_json else text)


def to_json(data: Any) -> str:  # noqa: ANN401  (whatever json can write, and times and decimals)
    """JSON of a result."""
    return json.dumps(data, default=str, indent=2)


def say(message: str) -> None:
    """A remark that is no part of the result."""
    click.echo(message, err=True)


def main() -> int:
    """Runs the command line."""
    office(standalone_mode=True)
    return 0


if __name__ == "__main__":
    exit_on_office_error(main)
