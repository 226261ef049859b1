"""The commands for the database itself: `db`, `archive`, `migrate`."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import click

from commands.common import (
    INIT_SQL,
    SOMETHING_WRONG,
    as_json,
    chosen_settings,
    embedded_port,
    office_database,
    print_result,
    say,
    stopping,
)
from commands.progress import bar, one_by_one
from pipeline.archive.archive import archive
from pipeline.audit.verify import find_fault
from pipeline.core.cluster import count_workers
from pipeline.operations import embedded
from pipeline.report import display
from pipeline.schema.given import Difference, find_differences, missing_indexes
from pipeline.schema.limits import too_few_locks
from pipeline.schema.roles import no_roles, set_passwords


@click.command()
@click.option("--stop", "is_stop", is_flag=True, help="Stop the server.")
@as_json
def db(*, is_stop: bool, is_json: bool) -> None:
    """Start the embedded server, keep it running, and print its URL.

    Example: psql "$(python src/office.py db)"
    """
    settings = chosen_settings()
    if not is_stop:
        url = embedded.start(settings.home, init_sql=INIT_SQL, say=say, port=embedded_port())
        print_result({"url": url}, url, is_json=is_json)
        return
    was_running = embedded.stop(settings.home)
    if is_json:
        print_result({"stopped": was_running}, "", is_json=True)
    elif not was_running:
        say("The embedded server wasn't running.")


@click.command("archive")
@as_json
def archive_command(*, is_json: bool) -> None:
    """Move raw rows that are past the retention to files.

    The database keeps raw rows for OFFICE_RETENTION_DAYS. A day that is completely older is
    written to a Parquet file in OFFICE_ARCHIVE, read back and compared, and then dropped. If a day
    could not be archived, because a raw row is pending or verify found something wrong, the exit
    code is 1. Analytics does the same once a day.

    Example: OFFICE_RETENTION_DAYS=90 python src/office.py archive
    """
    settings = chosen_settings()
    if not settings.retention_days:
        say("Raw rows are kept for ever: OFFICE_RETENTION_DAYS isn't set.")
    with (
        office_database(settings, "office archive") as database,
        stopping(database, lambda: "each day is either archived completely or unchanged."),
        bar("Archiving", "days") as on_progress,
    ):
        done = archive(
            database,
            folder=settings.archive_folder,
            keep_days=settings.retention_days,
            find_fault=partial(find_fault, database, settings.archive_folder, settings.patience),
            for_each=one_by_one(on_progress),
        )
    print_result(
        [asdict(each) for each in done], "\n".join(display.archive_lines(done)), is_json=is_json
    )
    if any(each.reason_left for each in done):
        sys.exit(SOMETHING_WRONG)


@click.command()
@as_json
def migrate(*, is_json: bool) -> None:
    """Bring the schema up to date, and set the passwords of the roles.

    If a given table differs from what the streams carry, it says which statement mends it, and the
    exit code is 1. It also says if the server has too little room for locks.

    On a Citus coordinator with workers, it spreads the tables over them, each into OFFICE_SHARDS
    parts, by default two per worker. The office's data moves along; stop the services meanwhile.

    The passwords come from OFFICE_INGEST_PASSWORD, OFFICE_MERGE_PASSWORD,
    OFFICE_ANALYTICS_PASSWORD and OFFICE_AUDITOR_PASSWORD, or from files of these names in the
    secrets folder. A role without a password there keeps its own.

    Example: OFFICE_AUDITOR_PASSWORD=… python src/office.py migrate
    """
    settings = chosen_settings()
    with office_database(settings, "office migrate", spreads=True) as database:
        workers = database.run(count_workers)
        database.run(partial(set_passwords, passwords=settings.role_passwords))
        differences = database.run(find_differences)
        shortage = database.run(too_few_locks)
        remarks = [database.run(say_what) for say_what in (no_roles, missing_indexes)]
    roles = [f"office_{role}" for role in settings.role_passwords]
    result = {
        "passwords_given_to": roles,
        "differences": [each.line for each in differences],
        "too_few_locks": shortage,
        "no_roles": remarks[0],
        "missing_indexes": remarks[1],
        "workers": workers,
    }
    state = "applied" if differences else "up to date"
    lines = [
        f"The schema is {state}; passwords given to: {', '.join(roles) or 'none'}.",
        *difference_lines(differences),
        *([f"The tables are spread over a cluster: {workers} workers."] if workers else []),
        *([shortage] if shortage else []),
        *(remark for remark in remarks if remark),
    ]
    print_result(result, "\n".join(lines), is_json=is_json)
    if differences:
        sys.exit(SOMETHING_WRONG)


def difference_lines(differences: Sequence[Difference]) -> list[str]:
    """The differences of the given tables, and how to mend them, for people."""
    if not differences:
        return []
    return [
        "The given tables differ from what the streams carry:",
        *(f"  {each.line};" for each in differences),
        "The audit views are in the way of such a change. First run, with psql,",
        "  'DROP SCHEMA IF EXISTS audit, offices CASCADE';",
        "and after the change run migrate, which makes the views again.",
    ]
