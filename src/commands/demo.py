"""`demo`: makes up a day of history in a separate office, processes it, and shows the result."""

import json
import os
import shutil
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from commands.common import (
    chosen_settings,
    command_line,
    office_database,
    say,
    turn_to_demo,
    write_pages,
)
from commands.running import only_one
from history import FEWEST_WINDOWS, HOUR, Examples, History, make_history
from pipeline.core.contract import FATES
from pipeline.core.database import Database
from pipeline.core.notation import Notation
from pipeline.core.settings import Settings, load_settings
from pipeline.core.window import read_window_length, window_of
from pipeline.merge.merge import merge_pending
from pipeline.operations import embedded
from pipeline.operations.serving import serving
from pipeline.operations.terminal import own_ctrl_c
from pipeline.report.pages import docs_folder
from pipeline.staging.append import load_lines
from utils.pipeline_utils import stop_on_signals

if TYPE_CHECKING:
    from pipeline.quality.checks import Checker
    from pipeline.quality.cycle import CycleResult

INDENT = " " * 9
ROUND_HOURS = 4
ROUNDS = (2, 6)  # at least, and at most

HEADER = "  until  events  merged  again  conflicts  rejected  windows  redone  held back"


@click.command()
@click.option(
    "--hours",
    metavar="N",
    type=click.IntRange(1, 168),
    default=24,
    show_default=True,
    help="The length of the history in hours; at least six windows.",
)
@click.option(
    "--seed",
    metavar="N",
    type=int,
    default=1,
    show_default=True,
    help="Another seed gives another history.",
)
@click.option(
    "--for",
    "seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Serve the pages for this time; by default until Ctrl-C.",
)
def demo(hours: int, seed: int, seconds: float | None) -> None:
    """Make up a day of history, process it, and show the result.

    The history imitates a practice in which one in ten events repeats an id with other content. It
    also contains late events, events sent twice and bad events. It is loaded, merged, checked and
    published a few hours at a time. Then the pages are served.

    The demo uses a separate office, demo/ in OFFICE_HOME, which it makes anew each time; your own
    data is not touched. Other commands use that office when --demo stands before them, also after
    the demo has ended.

    Example: python src/office.py demo --hours 8
    """
    turn_to_demo()
    settings = chosen_settings()
    console = Console(highlight=False)
    with (
        own_ctrl_c(),
        only_one(settings),
        ExitStack() as running,
    ):
        started = time.monotonic()
        # The server may print a line, which a spinner would overwrite.
        with step(console, "A database is made", spins=False):
            clear(settings)
            database = running.enter_context(office_database(settings, "office demo"))
        with step(console, "A history is made up"):
            window = database.run(read_window_length)
            until = window_of(datetime.now(UTC), window)
            fewest_hours = ceil(FEWEST_WINDOWS * window / HOUR)
            history = make_history(until, window=window, hours=max(hours, fewest_hours), seed=seed)
        with step(console, "The checks are loaded"):
            checker = make_checker(settings, database)
            works = Works(database, checker, settings.batch_size, settings.notation)
        work_through(console, history, works)
        with step(console, "The pages are built"):
            write_pages(database, settings, settings.reports_folder)
        pages = running.enter_context(serving(settings.reports_folder, settings.reports_port))
        say_what_there_is(history, pages, settings, time.monotonic() - started)
        stop_on_signals().wait(seconds)
    say(f"\rThe demo is over. Its data stays in {short_path(settings.home)} until the next one.")


@contextmanager
def step(console: Console, text: str, *, spins: bool = True) -> Iterator[None]:
    """Prints what is being done, and then how long it took."""
    began = time.monotonic()
    with console.status(f"{text} …") if spins else nullcontext():
        yield
    console.print(f"{text:<72} {time.monotonic() - began:5.1f} s")


# --- the separate office ---


def clear(settings: Settings) -> None:
    """Removes the data of an earlier demo, including its database."""
    embedded.forget(settings.home)
    for folder in (settings.reports_folder, settings.home / "logs"):
        shutil.rmtree(folder, ignore_errors=True)


def make_checker(settings: Settings, database: Database) -> "Checker":
    """The office's checks; but in the demo, a price above 10,000 holds its window back."""
    # Great Expectations takes seconds to import.
    from pipeline.quality.checks import Checker  # noqa: PLC0415

    make_suites(load_settings().expectations, settings.expectations)
    return Checker(
        database.dsn,
        expectations=settings.expectations,
        docs=docs_folder(settings.reports_folder),
    )


def make_suites(given: Path, own: Path) -> None:
    """Copies the suites, and makes a warning about high prices critical."""
    shutil.copytree(given, own, dirs_exist_ok=True)
    file = own / "claim.json"
    suite = json.loads(file.read_text(encoding="utf-8"))
    for check in suite["expectations"]:
        if "price" in check["kwargs"].values() and "max_value" in check["kwargs"]:
            check["severity"] = "critical"
    file.write_text(json.dumps(suite, indent=2), encoding="utf-8")


# --- the history, a few hours at a time ---


@dataclass(frozen=True)
class Round:
    """The result of processing a few hours of the history."""

    until: datetime
    fates: Counter[str]
    result: "CycleResult"
    redone: int
    notation: Notation

    def lines(self) -> Iterator[str]:
        """A line below `HEADER`, and a line for each check that did not pass."""
        counts = [self.fates[fate] for fate in FATES]
        events, windows = sum(counts), len(self.result.published) - self.redone
        merged, again, conflicts, rejected = counts
        until = self.notation.clock(self.until)
        yield (
            f"  {until} {events:7} {merged:7} {again:6} {conflicts:10} {rejected:9}"
            f" {windows:8} {self.redone:7} {len(self.result.blocked):10}"
        )
        for check in self.result.checks:
            if check.status != "passed":
                at = f" ({self.notation.clock(check.window_start)})" if check.window_start else ""
                text = f"{check.severity}: {check.check_name}{at}"
                yield from textwrap.wrap(text, 80, initial_indent=INDENT, subsequent_indent=INDENT)


@dataclass(frozen=True)
class Works:
    """Processes a history."""

    database: Database
    checker: "Checker"
    batch_size: int
    notation: Notation

    def do(self, history: History, since: datetime, until: datetime) -> Round:
        """Loads and merges the events that arrived in a period, and publishes the due windows."""
        from pipeline.quality.cycle import run_cycle  # noqa: PLC0415  (as above)

        fates: Counter[str] = Counter()
        for stream in history.arrivals:
            lines = BytesIO(b"\n".join(history.payloads(stream, since, until)))
            for _ in load_lines(self.database, stream, lines):
                pass
        for batch in merge_pending(self.database, batch_size=self.batch_size):
            fates.update({fate: getattr(batch, fate) for fate in FATES})
        now = datetime.now(UTC)
        result = run_cycle(
            self.database,
            self.checker,
            now=now,
            batch_size=self.batch_size,
            zone=str(self.notation.zone),
        )
        redone = sum(window < since for window in result.published)
        return Round(until, fates, result, redone, self.notation)


def work_through(console: Console, history: History, works: Works) -> None:
    """Processes a history a few hours at a time, as the services would have done."""
    console.print(f"It is worked through:\n{HEADER}")
    ends = round_ends(history, works.database.run(read_window_length))
    for number, (since, until) in enumerate(zip([history.since, *ends], ends, strict=False), 1):
        at = works.notation.clock(until)
        with console.status(f"{number} of {len(ends)}: until {at} …"):
            done = works.do(history, since, until)
        for line in done.lines():
            console.print(line)


def round_ends(history: History, window: timedelta) -> list[datetime]:
    """The end of each round, at the start of a window."""
    hours = (history.until - history.since) // HOUR
    fewest, most = ROUNDS
    rounds = max(fewest, min(most, hours // ROUND_HOURS))
    return [
        window_of(history.since + (history.until - history.since) * number / rounds, window)
        for number in range(1, rounds + 1)
    ]


# --- what to look at ---


def say_what_there_is(history: History, pages: str, settings: Settings, seconds: float) -> None:
    """Prints where the pages are, and some questions with the commands that answer them."""
    click.echo(f"Done in {seconds:.0f} s. Its data is in {short_path(settings.home)}.\n")
    click.echo(f"The pages: {pages}\n")
    click.echo("Questions, and the commands that answer them (in another terminal):")
    for question, command in questions(history.examples, settings.notation).items():
        click.echo(f"  {question}\n    {command}")
    click.echo("\nCtrl-C stops.")


def questions(examples: Examples, notation: Notation) -> dict[str, str]:
    """Questions about this history, each with the command that answers it."""
    window, held_back = map(notation.iso, (examples.window, examples.held_back))
    of_window, of_held_back = map(notation.clock, (examples.window, examples.held_back))
    reason = '--reason "Checked."'
    return {
        f"Why is claim {examples.unknown_patient} not there?": command_line(
            "explain", "claim", str(examples.unknown_patient)
        ),
        "Which claims were sent twice with another price? One of them:": command_line(
            "explain", "claim", str(examples.conflict)
        ),
        f"Which claims make up the figure of {of_window}?": command_line(
            "explain", "window", window
        ),
        f"Why is {of_held_back} held back? (Here, a price above 10,000 does that.)": (
            command_line("explain", "window", held_back)
        ),
        "And if the price is right?": command_line("release", held_back, reason),
        "What is the present state, and is everything correct?": command_line("status")
        + "\n    "
        + command_line("verify"),
    }


def short_path(folder: Path) -> str:
    """The path, or the relative path if that is shorter."""
    return min(str(folder), os.path.relpath(folder), key=len)
