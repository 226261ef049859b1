"""The commands to repair data: `replay`, `rebuild`."""

import sys
from dataclasses import asdict
from functools import partial

import click

from commands.common import (
    SOMETHING_WRONG,
    as_json,
    chosen_settings,
    command_line,
    office_database,
    print_result,
    say,
    stopping,
)
from commands.progress import bar
from pipeline.audit.rebuild import rebuild
from pipeline.core.contract import REASONS
from pipeline.merge.replay import count_archived, replay
from pipeline.report import display

WHOLE_OR_NOT = "the clean layer is either repaired or unchanged: run rebuild again to see which."


@click.command("replay")
@click.option(
    "--reason",
    metavar="REASON",
    type=click.Choice(list(REASONS)),
    help=f"Only rows that were rejected for this reason: {', '.join(REASONS)}.",
)
@as_json
def replay_command(reason: str | None, *, is_json: bool) -> None:
    """Put rejected raw rows back to pending, to be merged again.

    Do this after the cause is gone, for example when a failing trigger was removed. The earlier
    outcomes are kept in staging.outcome_history.

    Example: python src/office.py replay --reason unprocessable
    """
    with office_database(chosen_settings(), "office replay") as database:
        replayed = replay(database, reason=reason)
        archived = database.run(partial(count_archived, reason=reason))
    if archived:
        say(f"{archived} more stay rejected: they are archived, and can't be merged again.")
    print_result(
        [asdict(each) for each in replayed],
        "\n".join(display.replay_lines(replayed)),
        is_json=is_json,
    )


@click.command("rebuild")
@click.option("--apply", "is_applied", is_flag=True, help="Repair the live clean layer.")
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Outcomes rebuilt in one transaction.",
)
@as_json
def rebuild_command(batch_size: int, *, is_applied: bool, is_json: bool) -> None:
    """Rebuild the clean layer from staging, and compare.

    The copy is built beside the live clean layer, and the pipeline can keep running. The published
    figures are compared with a new computation, too. If anything differs, the exit code is 1. With
    --apply, the live clean layer is repaired, and windows with wrong figures are marked for the
    next analytics run. Archived raw rows are read from their files.

    Example: python src/office.py rebuild --apply
    """
    settings = chosen_settings()
    with (
        office_database(settings, "office rebuild") as database,
        stopping(database, lambda: WHOLE_OR_NOT if is_applied else "the clean layer is unchanged."),
        bar("Rebuilding", "outcomes") as on_progress,
    ):
        found = rebuild(
            database,
            batch_size=batch_size,
            is_applied=is_applied,
            archive=settings.archive_folder,
            on_progress=on_progress,
        )
    lines = display.rebuild_lines(found, office=command_line(), notation=settings.notation)
    print_result(
        asdict(found),
        "\n".join(lines),
        is_json=is_json,
    )
    if found.differences and not is_applied:
        sys.exit(SOMETHING_WRONG)
