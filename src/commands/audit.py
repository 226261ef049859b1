"""The commands to look closer: `verify`, `explain`, `release`, `erased`."""

import sys
from datetime import UTC, datetime, timedelta
from functools import partial

import click

from commands.common import (
    SOMETHING_WRONG,
    as_json,
    as_moment,
    chosen_settings,
    command_line,
    office_database,
    parse_time,
    print_result,
    stopping,
    width,
)
from commands.progress import bar, one_by_one
from pipeline.audit.erased import find_gone, record_erasure
from pipeline.audit.explain import explain_claim, explain_diagnose, explain_row, explain_window
from pipeline.audit.release import release
from pipeline.audit.verify import recorded_files, verify_database, verify_files
from pipeline.core.streams import STREAMS
from pipeline.core.window import EARLIEST
from pipeline.report import display, display_explain
from pipeline.schema.offices import MOST_OFFICE, key_of

# The period that `verify` checks by default.
RECENT = timedelta(hours=24)

EVENT_ID = click.IntRange(0, 2**63 - 1)

of_office = click.option(
    "--office",
    metavar="NUMBER",
    type=click.IntRange(0, MOST_OFFICE),
    help="The office that the ID belongs to, if ids are per office.",
)


@click.command("verify")
@click.option("--all", "is_all", is_flag=True, help="Check everything, not only a recent slice.")
@click.option(
    "--since",
    metavar="T",
    help="Check what arrived, was merged or published since T (ISO 8601), not in the last day.",
)
@as_json
def verify_command(since: str | None, *, is_all: bool, is_json: bool) -> None:
    """Check every promise about the data.

    It reads one snapshot; on a cluster, merges wait meanwhile. By default it checks what arrived,
    was merged or published in the last 24 hours; with --all it checks everything. T without an
    offset is in OFFICE_TIMEZONE. If a promise is broken, it prints the rows at fault and the
    commands that mend it, and exits with 1. It checks the size of each archive file, and reads the
    recent ones; with --all it reads all of them.

    Example: python src/office.py verify --all
    """
    if is_all and since:
        raise click.UsageError("--all checks everything: use it without --since.")
    settings = chosen_settings()
    begin = parse_time(since, "--since") or datetime.now(UTC) - RECENT
    with (
        office_database(settings, "office verify") as database,
        stopping(database, lambda: "verify was not finished. It changes nothing."),
        bar("Verifying", "checks") as on_progress,
    ):
        promises = verify_database(
            database,
            since=None if is_all else begin,
            patience=settings.patience,
            for_each=one_by_one(on_progress) if is_all else iter,
        )
        files = database.run(partial(recorded_files, since=EARLIEST if is_all else begin))
        promises.append(verify_files(files, settings.archive_folder))
    lines = display.promise_lines(
        promises, width=width(), office=command_line(), notation=settings.notation
    )
    print_result(
        [vars(promise) for promise in promises],
        "\n".join(lines),
        is_json=is_json,
    )
    if not all(promise.holds for promise in promises):
        sys.exit(SOMETHING_WRONG)


@click.group(no_args_is_help=False, invoke_without_command=True)
@click.pass_context
def explain(context: click.Context) -> None:
    """Explain a row, or the figures of a window.

    Example: python src/office.py explain claim 4711
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@explain.command("claim")
@click.argument("claim_id", metavar="ID", type=EVENT_ID)
@of_office
@as_json
def explain_claim_command(claim_id: int, office: int | None, *, is_json: bool) -> None:
    """Explain the outcome of claim ID, and what it counts for.

    Example: python src/office.py explain claim 4711
    """
    settings = chosen_settings()
    with office_database(settings, "office explain") as database:
        claim = database.run(
            lambda cursor: explain_claim(cursor, key_of(cursor, office, claim_id)), snapshot=True
        )
    text = "\n".join(display_explain.claim_lines(claim, settings.notation))
    print_result(claim.as_dict(), text, is_json=is_json)


@explain.command("diagnose")
@click.argument("diagnose_id", metavar="ID", type=EVENT_ID)
@of_office
@as_json
def explain_diagnose_command(diagnose_id: int, office: int | None, *, is_json: bool) -> None:
    """Explain the outcome of diagnosis ID, and what it changes.

    Example: python src/office.py explain diagnose 4711
    """
    settings = chosen_settings()
    with office_database(settings, "office explain") as database:
        found = database.run(
            lambda cursor: explain_diagnose(cursor, key_of(cursor, office, diagnose_id)),
            snapshot=True,
        )
    text = "\n".join(display_explain.diagnose_lines(found, settings.notation))
    print_result(found.as_dict(), text, is_json=is_json)


def explain_row_command(stream: str) -> click.Command:
    """The `explain` command of a stream that is neither claim nor diagnose."""

    @click.argument("row_id", metavar="ID", type=EVENT_ID)
    @of_office
    @as_json
    def explain_command(row_id: int, office: int | None, *, is_json: bool) -> None:
        settings = chosen_settings()
        with office_database(settings, "office explain") as database:
            row = database.run(
                lambda cursor: explain_row(cursor, stream, key_of(cursor, office, row_id)),
                snapshot=True,
            )
        text = "\n".join(display_explain.row_lines(row, settings.notation))
        print_result(row.as_dict(), text, is_json=is_json)

    example = f"python src/office.py explain {stream} 4711"
    words = f"Explain the outcome of {stream} ID.\n\nExample: {example}"
    return click.command(stream, help=words)(explain_command)


for other in STREAMS.keys() - explain.commands.keys():
    explain.add_command(explain_row_command(other))


@explain.command("window")
@click.argument("moment", metavar="T", callback=as_moment)
@as_json
def explain_window_command(moment: datetime, *, is_json: bool) -> None:
    """Explain the figures of the window that T lies in.

    T is a time in ISO 8601; without an offset it is in OFFICE_TIMEZONE. If the claims do not add up
    to the published figures, the exit code is 1.

    Example: python src/office.py explain window 2026-11-24T14:20
    """
    settings = chosen_settings()
    with office_database(settings, "office explain") as database:
        found = database.run(
            lambda cursor: explain_window(cursor, moment, settings.notation), snapshot=True
        )
    text = "\n".join(
        display_explain.window_lines(found, office=command_line(), notation=settings.notation)
    )
    print_result(found.as_dict(), text, is_json=is_json)
    if found.found_something_wrong:
        sys.exit(SOMETHING_WRONG)


def as_reason(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    """The reason in one line; if it is given, it must not be empty."""
    if text is None:
        return None
    reason = " ".join(text.split())
    if not reason or not reason.isprintable():
        raise click.BadParameter("it must be text that says something")
    return reason


@click.command("release")
@click.argument("moment", metavar="WINDOW", callback=as_moment)
@click.option(
    "--reason", metavar="TEXT", required=True, callback=as_reason, help="Why; shown on the pages."
)
@as_json
def release_command(moment: datetime, reason: str, *, is_json: bool) -> None:
    """Publish a WINDOW that a check holds back, and record why.

    WINDOW is any moment in the window, in ISO 8601; without an offset it is in OFFICE_TIMEZONE.

    Example: python src/office.py release 2026-11-24T14:20 --reason "A true price, says billing."
    """
    settings = chosen_settings()
    notation = settings.notation
    with office_database(settings, "office release") as database:
        done = database.run(partial(release, moment=moment, reason=reason, notation=notation))
    text = "\n".join(display.release_lines(done, notation))
    print_result(done.as_dict(), text, is_json=is_json)


@click.command("erased")
@click.argument("seqs", metavar="[RAW ROW]...", nargs=-1, type=click.IntRange(min=0))
@click.option("--reason", metavar="TEXT", callback=as_reason, help="Why; records the erasure.")
@as_json
def erased_command(seqs: tuple[int, ...], reason: str | None, *, is_json: bool) -> None:
    """List raw rows that are gone, or record why.

    A raw row is gone if it has an outcome, but is neither in staging nor in the archive. It holds
    back the windows that it touches. With --reason, the erasure of all of these raw rows, or only
    of those that are named by their numbers, is recorded, and the next analytics run publishes the
    windows. Without, the exit code is 1 if any are gone.

    Example: python src/office.py erased --reason "Patient 12 asked for it, case 2026-81."
    """
    settings = chosen_settings()
    with office_database(settings, "office erased") as database:
        if reason:
            done = database.run(partial(record_erasure, reason=reason, seqs=seqs))
            left, lines = done.left_rows, display.erasure_lines(done)
            print_result(done.as_dict(), "\n".join(lines), is_json=is_json)
        else:
            gone = database.run(partial(find_gone, seqs=seqs))
            left, lines = (
                gone.rows,
                display.gone_lines(gone, office=command_line(), notation=settings.notation),
            )
            print_result(gone.as_dict(), "\n".join(lines), is_json=is_json)
    if left:
        sys.exit(SOMETHING_WRONG)
