"""`run` runs everything with a live status; `status` shows the present state."""

import fcntl
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import click
from rich.console import Console
from rich.live import Live

from commands.common import (
    SOMETHING_WRONG,
    USED_WRONGLY,
    as_json,
    chosen_settings,
    is_for_demo,
    office_database,
    say,
    to_json,
)
from pipeline.core.database import PASSING_ERRORS, Database, address, describe
from pipeline.core.errors import OfficeError
from pipeline.core.logs import configure_logging
from pipeline.core.notation import Notation
from pipeline.core.settings import Settings, pipe_variable
from pipeline.core.streams import STREAMS
from pipeline.core.window import EPOCH, read_window_length
from pipeline.operations.embedded_broker import broker
from pipeline.operations.processes import Processes
from pipeline.operations.serving import serving
from pipeline.operations.status import Status, read_status
from pipeline.operations.terminal import own_ctrl_c
from pipeline.report import display
from pipeline.report.display import StatusContext
from pipeline.report.site import preparing_page
from pipeline.schema.roles import login_as, no_roles, set_passwords
from utils.pipeline_utils import stop_on_signals

MOST_INGESTORS = 16
STOP_SECONDS = 8.0
REFRESH_SECONDS = 1.0
PLAIN_LINE_SECONDS = 5.0


@click.command()
@click.option(
    "--for", "seconds", type=click.FloatRange(min=0), help="Stop after this number of SECONDS."
)
@click.option(
    "--ingestors",
    type=click.IntRange(min=1, max=MOST_INGESTORS),
    help="Start an embedded broker, and this number of ingestors that share its streams.",
)
def run(seconds: float | None, ingestors: int | None) -> None:
    """Run everything, with a live status; Ctrl-C drains and stops.

    It publishes events, merges them, computes the figures and serves the pages. If standard output
    is not a terminal, it prints a line every 5 s.

    By default one ingestor publishes the streams itself, unless the environment names pipes or a
    broker. With --ingestors, a separate publisher puts them into an embedded broker (NATS
    JetStream), as one does with several machines.

    Example: python src/office.py run --for 3600
    """
    settings = chosen_settings()
    if ingestors and settings.pipes:
        raise click.UsageError(
            "With --ingestors the streams come from a broker, "
            f"but {' and '.join(map(pipe_variable, settings.pipes))} name pipes"
        )
    stop = stop_on_signals()
    with (
        own_ctrl_c(),
        only_one(settings),
        serving(
            settings.reports_folder, settings.reports_port, preparing=preparing_page()
        ) as pages,
        office_database(settings, "office run") as database,
        broker(settings.home / "broker") if ingestors else nullcontext() as broker_url,
    ):
        if not pages.endswith(f":{settings.reports_port}"):
            say(f"Port {settings.reports_port} is taken; the pages are at {pages} instead.")
        # The live status itself shows trouble with the database.
        configure_logging(level=logging.ERROR)
        settings = settings.model_copy(update={"reports_url": settings.reports_url or pages})
        processes = start_services(settings, database, services(settings, ingestors, broker_url))
        try:
            length = database.run(read_window_length)
            view = partial(status_context, settings, database, pages, length)
            ended = show_until_stopped(
                database, processes, stop, seconds=seconds, view=view, notation=settings.notation
            )
            if sys.stderr.isatty():
                say("\rStopping: events that have arrived are staged and merged first.")
        finally:
            badly_ended = processes.stop(STOP_SECONDS)
        show(
            Console(),
            database.run(read_status),
            StatusContext({"pages": str(settings.reports_folder)}, notation=settings.notation),
        )
    failed = sorted({*ended, *badly_ended})
    if failed:
        logs = ", ".join(str(processes.log(name)) for name in failed)
        raise OfficeError(f"{' and '.join(failed)} ended unexpectedly: see {logs}.")


@click.command()
@click.option(
    "--max-lag",
    metavar="SECONDS",
    type=float,
    help="Exit 1 if a raw row has been pending for longer.",
)
@click.option(
    "--max-run-age",
    metavar="SECONDS",
    type=float,
    help="Exit 1 if the last analytics run ended longer ago.",
)
@as_json
def status(max_lag: float | None, max_run_age: float | None, *, is_json: bool) -> None:
    """Show streams, rates, lag, pending rows and the last run.

    Its cost does not grow with history. With limits it is a health check.

    Example: python src/office.py status --max-lag 60
    """
    settings = chosen_settings()
    with office_database(settings, "office status") as database:
        found = database.run(read_status)
    context = StatusContext(addresses(settings, database), notation=settings.notation)
    if is_json:
        click.echo(to_json(found.as_dict()))
    else:
        Console().print(display.status_view(found, context))
    if is_late(found.lag_seconds, max_lag) or is_late(found.run_age_seconds, max_run_age):
        sys.exit(SOMETHING_WRONG)


def is_late(seconds: float | None, most: float | None) -> bool:
    """Whether a limit is set, and the time is longer or unknown."""
    return most is not None and (seconds is None or seconds > most)


# --- the services ---


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Holds the lock of a running office. The kernel frees it even if the process is killed."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "run.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise OfficeError(
                f"The {'demo' if is_for_demo() else 'office'} is already running, "
                f"as process {lock.read().strip()}: stop that one first.",
                exit_code=USED_WRONGLY,
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@dataclass(frozen=True)
class Service:
    """A process of the office."""

    name: str
    command: Sequence[str]
    """The script and its arguments."""
    role: str | None = None
    """The role that it logs in to the database as; None if it does not use the database."""
    environment: Mapping[str, str] = field(default_factory=dict)


def services(settings: Settings, ingestors: int | None, broker_url: str | None) -> list[Service]:
    """One ingestor that publishes itself; or a publisher and ingestors that share a broker."""
    analytics = Service("analytics", ["analytics.py"], "analytics")
    if ingestors is None or broker_url is None:
        return [Service("ingestor", ["ingestor.py"], "merge"), analytics]
    at_broker = {"OFFICE_BROKER_URL": broker_url}
    return [
        *(
            Service(
                f"ingestor-{number}",
                ["ingestor.py"],
                "merge",
                {**at_broker, "OFFICE_METRICS_PORT": str(metrics_port(settings, number))},
            )
            for number in range(1, ingestors + 1)
        ),
        Service("publisher", ["office.py", "publish"], environment=at_broker),
        analytics,
    ]


def metrics_port(settings: Settings, number: int) -> int:
    """The port of an ingestor: the first has the usual one; the others follow that of analytics."""
    beyond = 0 if number == 1 else number
    return settings.metrics_port + beyond if settings.metrics_port else 0


def start_services(settings: Settings, database: Database, wanted: Sequence[Service]) -> Processes:
    """Starts each service with its own database login."""
    passwords = passwords_for_services(settings)
    lack = database.run(no_roles)
    if lack:
        say(lack)
        passwords = {}
    database.run(partial(set_passwords, passwords=passwords))
    processes = Processes(settings.home / "logs")
    for service in wanted:
        processes.start(
            service.name,
            service.command,
            {
                **transport_environment(settings),
                **office_environment(settings, database, service, passwords),
                **service.environment,
            },
        )
    return processes


def transport_environment(settings: Settings) -> dict[str, str]:
    """The environment variables of the transport: those of the demo are empty."""
    pipes = {pipe_variable(stream): str(settings.pipes.get(stream, "")) for stream in STREAMS}
    url = settings.broker_url.get_secret_value() if settings.broker_url else ""
    return {**pipes, "OFFICE_BROKER_URL": url}


def office_environment(
    settings: Settings, database: Database, service: Service, passwords: Mapping[str, str]
) -> dict[str, str]:
    """The environment variables of a service that uses the database."""
    if service.role is None:
        return {}
    logins = (
        {
            "DATABASE_URL": login_as(database.dsn, service.role, passwords[service.role]),
            "OFFICE_INGEST_PASSWORD": passwords["ingest"],
        }
        if passwords
        else {"DATABASE_URL": database.dsn}
    )
    return {
        **logins,
        "OFFICE_REPORTS": str(settings.reports_folder),
        "OFFICE_EXPECTATIONS": str(settings.expectations),
        "OFFICE_ARCHIVE": str(settings.archive_folder),
        "OFFICE_REPORTS_URL": settings.pages_url,
    }


def passwords_for_services(settings: Settings) -> dict[str, str]:
    """The passwords in the settings; a service's role without one there gets a new one."""
    chosen = {role: secrets.token_urlsafe() for role in ("ingest", "merge", "analytics")}
    return chosen | settings.role_passwords


# --- the live status ---


def show_until_stopped(
    database: Database,
    processes: Processes,
    stop: threading.Event,
    *,
    seconds: float | None,
    view: Callable[[datetime], StatusContext],
    notation: Notation,
) -> list[str]:
    """Shows the status until it is time to stop.

    Returns:
        The names of the processes that have ended before that.
    """
    console = Console()
    beats = until_stopped(stop, processes, seconds)
    if console.is_terminal:
        show_live(console, database, beats, view)
    else:
        show_lines(database, beats, notation)
    return processes.ended()


def until_stopped(
    stop: threading.Event, processes: Processes, seconds: float | None
) -> Iterator[None]:
    """Yields every second until it is time to stop, or a process has ended."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while not stop.is_set() and not processes.ended():
        yield
        left = REFRESH_SECONDS if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return
        stop.wait(min(left, REFRESH_SECONDS))


def show_live(
    console: Console,
    database: Database,
    beats: Iterator[None],
    view: Callable[[datetime], StatusContext],
) -> None:
    """Shows a table that is updated in place. While the database is away, shows the last state."""
    last: Status | None = None
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for _ in beats:
            found, trouble = look(database)
            last = found or last
            if last:
                context = replace(view(last.now), trouble=trouble)
                live.update(display.status_view(last, context), refresh=True)


def show_lines(database: Database, beats: Iterator[None], notation: Notation) -> None:
    """Prints a line every few seconds."""
    next_line = 0.0
    for _ in beats:
        if time.monotonic() >= next_line:
            found, trouble = look(database)
            click.echo(display.status_line(found, notation) if found else trouble)
            next_line = time.monotonic() + PLAIN_LINE_SECONDS


def look(database: Database) -> tuple[Status | None, str]:
    """Reads the status; if the database does not answer, returns a message instead."""
    try:
        return database.run(read_status), ""
    except PASSING_ERRORS as error:
        return None, f"The database doesn't answer ({describe(error)}); trying again."


def status_context(
    settings: Settings, database: Database, pages: str, length: timedelta, now: datetime
) -> StatusContext:
    """The addresses, the next run and the hint beside the live status."""
    return StatusContext(
        addresses={"pages": pages, **addresses(settings, database)},
        next_run=next_run(now, settings, length),
        hint="Ctrl-C drains and stops.",
        notation=settings.notation,
    )


def addresses(settings: Settings, database: Database) -> dict[str, str]:
    """The addresses of the database, and of Adminer if it is set."""
    adminer = {"adminer": settings.adminer_url} if settings.adminer_url else {}
    return {"database": address(database.dsn), **adminer}


def next_run(now: datetime, settings: Settings, length: timedelta) -> datetime:
    """When analytics runs next: at a multiple of its period, plus the grace time."""
    period = settings.analytics_period(length)
    anchor = EPOCH + timedelta(seconds=settings.analytics_grace_seconds)
    return anchor + ((now - anchor) // period + 1) * period


def show(console: Console, found: Status, context: StatusContext) -> None:
    """Prints the status: a table in a terminal, otherwise a line."""
    if console.is_terminal:
        console.print(display.status_view(found, context))
    else:
        click.echo(display.status_line(found, context.notation))
