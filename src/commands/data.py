"""The commands from raw data to figures: `merge`, `analytics`, `report`."""

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from commands.common import (
    SOMETHING_WRONG,
    as_json,
    chosen_settings,
    command_line,
    office_database,
    parse_time,
    print_result,
    stopping,
    write_pages,
)
from commands.progress import bar
from pipeline.core.contract import FATES
from pipeline.core.database import Database
from pipeline.core.settings import Settings
from pipeline.merge.merge import Look, merge_pending
from pipeline.operations.status import read_status
from pipeline.operations.trouble import run_ended
from pipeline.report import display
from pipeline.report.pages import docs_folder


@click.command()
@as_json
def merge(*, is_json: bool) -> None:
    """Merge until nothing is pending.

    Example: python src/office.py merge
    """
    settings = chosen_settings()
    totals = dict.fromkeys(FATES, 0)
    with (
        office_database(settings, "office merge") as database,
        stopping(
            database,
            lambda: f"at least {sum(totals.values())} raw rows are merged; others may be pending.",
        ),
    ):
        merge_under_bar(database, settings, totals, sweep=Look.ALL)
    text = ", ".join(f"{fate} {count}" for fate, count in totals.items())
    print_result(totals, f"{text}.", is_json=is_json)


def merge_under_bar(
    database: Database, settings: Settings, totals: dict[str, int], *, sweep: Look | None
) -> None:
    """Merges pending rows, shows a progress bar, and adds each batch to the totals."""
    pending = sum(stream.pending for stream in database.run(read_status).streams)
    with bar("Merging", "raw rows") as on_progress:
        on_progress(0, pending)
        for batch in merge_pending(
            database,
            batch_size=settings.batch_size,
            sweep=sweep,
            statement_seconds=settings.merge_statement_seconds,
        ):
            for fate in totals:
                totals[fate] += getattr(batch, fate)
            on_progress(batch.rows, max(pending, sum(totals.values())))


@click.command()
@click.option("--from", "since", metavar="T", help="Recompute from the window of T on (ISO 8601).")
@click.option("--to", "until", metavar="T", help="Recompute windows that start before T.")
@as_json
def analytics(since: str | None, until: str | None, *, is_json: bool) -> None:
    """Run analytics once: merge, compute, check, publish, report.

    With --from and --to, it computes the windows between them again. A time without an offset is
    in OFFICE_TIMEZONE. If a check holds a window
    back, the exit code is 1.

    Example: python src/office.py analytics --from 2026-11-24T14:00Z --to 2026-11-24T15:00Z
    """
    begin, end = parse_time(since, "--from"), parse_time(until, "--to")
    # Great Expectations takes seconds to import, so only this command imports it.
    from pipeline.quality.checks import Checker  # noqa: PLC0415
    from pipeline.quality.cycle import run_cycle  # noqa: PLC0415

    settings = chosen_settings()
    now = datetime.now(UTC)
    with (
        office_database(settings, "office analytics") as database,
        stopping(database, lambda: "published windows are complete; run analytics for the rest."),
    ):
        # The analytics run merges again, with a sweep. This merge only shows progress.
        merge_under_bar(database, settings, dict.fromkeys(FATES, 0), sweep=None)
        checker = Checker(
            database.dsn,
            expectations=settings.expectations,
            docs=docs_folder(settings.reports_folder),
        )
        with bar("Checking", "windows") as on_progress:
            result = run_cycle(
                database,
                checker,
                now=now,
                batch_size=settings.batch_size,
                statement_seconds=settings.merge_statement_seconds,
                since=begin,
                until=end,
                zone=settings.timezone,
                on_progress=on_progress,
            )
        if begin is None and end is None:
            database.run(partial(run_ended, result=result, now=now))
        index = write_pages(database, settings, settings.reports_folder)
    lines = display.run_lines(result, office=command_line(), notation=settings.notation)
    print_result(
        result.as_dict(),
        "\n".join([*lines, f"Report: {index}"]),
        is_json=is_json,
    )
    if result.found_something_wrong:
        sys.exit(SOMETHING_WRONG)


@click.command("report")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to build them in."
)
@as_json
def report_command(out: Path | None, *, is_json: bool) -> None:
    """Build the pages.

    Example: python src/office.py report --out /tmp/pages
    """
    settings = chosen_settings()
    with office_database(settings, "office report") as database:
        index = write_pages(database, settings, out or settings.reports_folder)
    print_result({"index": index}, str(index), is_json=is_json)
