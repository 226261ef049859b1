"""The database itself: `db`, `migrate`."""

from functools import partial

import click

from commands.common import (
    INIT_SQL,
    as_json,
    chosen_settings,
    embedded_port,
    office_database,
    report,
    say,
)
from pipeline import embedded
from pipeline.roles import set_passwords


@click.command()
@click.option("--stop", "is_stop", is_flag=True, help="Stop it instead.")
@as_json
def db(*, is_stop: bool, is_json: bool) -> None:
    """Start the embedded server, to stay, and print its URL.

    Example: psql "$(python src/office.py db)"
    """
    settings = chosen_settings()
    if not is_stop:
        url = embedded.start(settings.home, init_sql=INIT_SQL, say=say, port=embedded_port())
        report({"url": url}, url, is_json=is_json)
        return
    was_running = embedded.stop(settings.home)
    if is_json:
        report({"stopped": was_running}, "", is_json=True)
    elif not was_running:
        say("The embedded server wasn't running.")


@click.command()
@as_json
def migrate(*, is_json: bool) -> None:
    """Bring the database to the present schema; give roles passwords.

    Those that are set: OFFICE_INGEST_PASSWORD, OFFICE_MERGE_PASSWORD, OFFICE_ANALYTICS_PASSWORD
    and OFFICE_AUDITOR_PASSWORD, or files of these names in the secrets folder, hold them.

    Example: OFFICE_AUDITOR_PASSWORD=… python src/office.py migrate
    """
    settings = chosen_settings()
    with office_database(settings, "office migrate") as database:
        database.run(partial(set_passwords, passwords=settings.role_passwords))
    roles = [f"office_{role}" for role in settings.role_passwords]
    text = f"The schema is up to date; passwords given to: {', '.join(roles) or 'none'}."
    report({"passwords_given_to": roles}, text, is_json=is_json)
