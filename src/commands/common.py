"""Shared by the commands: the chosen office, its database, times on the command line, output."""

import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import psycopg2
import psycopg2.errors

from pipeline.core.database import Database, address, describe, wait_until_reachable
from pipeline.core.errors import OfficeError
from pipeline.core.local_time import moments_of
from pipeline.core.logs import configure_logging
from pipeline.core.settings import PROJECT_FOLDER, Settings, load_settings
from pipeline.core.window import LONGEST_WINDOW, window_of
from pipeline.operations import embedded
from pipeline.operations.terminal import at_ctrl_c
from pipeline.report.pages import build_pages
from pipeline.schema.migrate import apply_schema

# Defaults for variables that are not set. If neither a host nor a database is named, the commands
# use the embedded server.
DB_NAME = "doctor_office"
DB_USER = "dataeng"
DB_PASSWORD = "best"  # noqa: S105  (the office's development password, overridable like the rest)
DB_HOST = "127.0.0.1"
DB_PORT = 5432

# Differs from the port of `run`, so that a demo and a run can go on at the same time.
DEMO_PORT = 15532

INIT_SQL = PROJECT_FOLDER / "setup" / "init_db.sql"
START_SECONDS = 10.0

SOMETHING_WRONG = 1
USED_WRONGLY = 2
STOPPED = 130

as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


# --- which office ---


def chosen_settings() -> Settings:
    """The settings of the environment; after `--demo`, those of the demo's own office."""
    settings = load_settings()
    return demo_settings(settings) if is_for_demo() else settings


def is_for_demo() -> bool:
    """Whether the command line begins with `--demo`."""
    return bool(click.get_current_context().find_root().params.get("is_demo"))


def turn_to_demo() -> None:
    """From now on, commands act as if the command line began with `--demo`."""
    click.get_current_context().find_root().params["is_demo"] = True


def embedded_port() -> int:
    """The port that the embedded server uses at its first start."""
    return DEMO_PORT if is_for_demo() else embedded.PORT


def demo_settings(settings: Settings) -> Settings:
    """The settings of a separate office in `demo/`.

    The database and the transport of the environment are ignored.
    """
    home = settings.home / "demo"
    database = ("database_url", "pghost", "pgport", "pgdatabase", "db_host", "db_port", "db_name")
    unnamed = dict.fromkeys((*database, "broker_url"))
    own = {
        "pipes": {},
        "home": home,
        "reports": None,
        "archive": None,
        "expectations": home / "expectations",
    }
    return settings.model_copy(update={**unnamed, **own})


def command_line(*words: str) -> str:
    """A command as the user would type it, for the same office."""
    return " ".join(["python src/office.py", *(["--demo"] if is_for_demo() else []), *words])


# --- its database ---


@contextmanager
def office_database(settings: Settings, name: str, *, spreads: bool = False) -> Iterator[Database]:
    """The database of the environment, or the embedded one, with the schema brought up to date.

    Args:
        settings: the settings.
        name: the name of the connection.
        spreads: make a cluster of the database, if it has workers.
    """
    configure_logging(level=logging.WARNING)
    with database_dsn(settings) as dsn, closing(Database(dsn, name=name)) as database:
        wait_until_reachable(database, seconds=START_SECONDS)
        try:
            apply_schema(
                database,
                ids=settings.ids,
                window_minutes=settings.window_minutes,
                spreads=spreads,
                shards=settings.shards,
            )
            yield database
        except psycopg2.errors.InsufficientPrivilege:
            raise OfficeError(
                f"The user of the database at {address(dsn)} may not do this: "
                "name its owner in DATABASE_URL."
            ) from None
        except psycopg2.errors.OutOfMemory:
            raise OfficeError(
                f"The server of the database at {address(dsn)} has run out of memory. If its log "
                "says 'out of shared memory', 'python src/office.py migrate' names the setting."
            ) from None
        except psycopg2.Error as error:
            raise OfficeError(
                f"The database at {address(dsn)} failed: {describe(error)}. Its own log says more."
            ) from None


@contextmanager
def database_dsn(settings: Settings) -> Iterator[str]:
    """The DSN of the database; starts the embedded server if the environment names no database."""
    if settings.database_is_named():
        yield settings.database_dsn(
            host=DB_HOST, port=DB_PORT, dbname=DB_NAME, user=DB_USER, password=DB_PASSWORD
        )
        return
    with embedded.server(settings.home, init_sql=INIT_SQL, say=say, port=embedded_port()) as dsn:
        yield dsn


def write_pages(database: Database, settings: Settings, folder: Path) -> Path:
    """Builds the pages from one snapshot; returns the index page."""
    build = partial(
        build_pages,
        folder=folder,
        now=datetime.now(UTC),
        notation=settings.notation,
        adminer=settings.adminer_url,
    )
    return database.run(build, snapshot=True)


# --- times ---


def as_moment(_: click.Context, parameter: click.Parameter, text: str) -> datetime:
    """The moment in an argument; its window must lie within the dates that Python can hold."""
    name = str(parameter.metavar)
    moment = parse_moment(text, name)
    try:
        window_of(moment, LONGEST_WINDOW) + LONGEST_WINDOW
    except OverflowError:
        raise click.BadParameter(f"{text!r} is too far away", param_hint=name) from None
    return moment


def parse_time(text: str | None, option: str) -> datetime | None:
    """A time on the command line; None if it is not given."""
    return None if text is None else parse_moment(text, option)


def parse_moment(text: str, option: str) -> datetime:
    """A time on the command line; without an offset it is local time of OFFICE_TIMEZONE."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a time like 2026-11-24T14:00Z", param_hint=option
        ) from None
    return given if given.tzinfo else moment_of(given, text, option)


def moment_of(written: datetime, text: str, option: str) -> datetime:
    """The moment of a local time. One that comes twice or never is refused."""
    notation = load_settings().notation
    try:
        moments = moments_of(written, notation.zone)
    except OverflowError:
        raise click.BadParameter(f"{text!r} is too far away", param_hint=option) from None
    if not moments:
        raise click.BadParameter(
            f"{text!r} doesn't exist in {notation.zone_name}, because the clocks are set forward; "
            "write it with an offset",
            param_hint=option,
        )
    if len(moments) > 1:
        both = " or ".join(map(notation.iso, moments))
        raise click.BadParameter(
            f"{text!r} comes twice in {notation.zone_name}, because the clocks are set back; "
            f"write {both}",
            param_hint=option,
        )
    return moments[0]


# --- output ---


def print_result(data: object, text: str, *, is_json: bool) -> None:
    """Prints a result: JSON for a program, text for a person."""
    click.echo(to_json(data) if is_json else text)


def to_json(data: Any) -> str:  # noqa: ANN401  (whatever json can write, and times and decimals)
    """JSON of a result."""
    return json.dumps(data, default=str, indent=2)


def width() -> int | None:
    """The width of the terminal; None if standard output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def say(message: str) -> None:
    """Prints a remark to standard error, so that it is not part of the result."""
    click.echo(message, err=True)


@contextmanager
def stopping(database: Database, what_stands: Callable[[], str]) -> Iterator[None]:
    """On Ctrl-C, cancels the work inside the context, says what has been done, and exits."""
    try:
        with at_ctrl_c(database.interrupt, does_it=lambda: database.is_waiting):
            yield
    except KeyboardInterrupt:
        # The carriage return overwrites the ^C that the terminal has shown.
        say(("\r" if sys.stderr.isatty() else "") + f"Stopped: {what_stands()}")
        sys.exit(STOPPED)
