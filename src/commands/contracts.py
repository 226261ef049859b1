"""`contracts` writes the contract of each stream for machines."""

from functools import partial
from pathlib import Path

import click

from commands.common import as_json, chosen_settings, office_database, print_result
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.report.contracts import Service, write_contracts


@click.command("contracts")
@click.option(
    "--out",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=PROJECT_FOLDER / "contracts",
    help="Write into DIR instead of contracts/.",
)
@as_json
def contracts_command(folder: Path, *, is_json: bool) -> None:
    """Write the contract of each stream for machines.

    The files follow the Open Data Contract Standard (ODCS) 3.1: columns, rules, reasons of
    rejections, checks, and what is agreed about delivery.

    Example: python src/office.py contracts --out /tmp/contracts
    """
    settings = chosen_settings()
    service = Service(every_seconds=settings.publish_seconds, keep_days=settings.retention_days)
    write = partial(
        write_contracts, folder=folder, expectations=settings.expectations, service=service
    )
    with office_database(settings, "office contracts") as database:
        files = [str(file) for file in database.run(write)]
    print_result(files, "\n".join(files), is_json=is_json)
