"""The roles of the services and of the auditor. The schema says what each may do."""

from collections.abc import Mapping
from typing import Final

from psycopg2.extensions import encrypt_password, make_dsn

from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor, execute, fetch_all

ROLES: Final = ("ingest", "merge", "analytics", "auditor")


def login_as(dsn: str, role: str, password: str) -> str:
    """The connection string of the same database for one of the roles."""
    return make_dsn(dsn, user=f"office_{role}", password=password)


def no_roles(cursor: Cursor) -> str | None:
    """Says that there are no roles, because the database's user may make none; None if there are.

    The services then run as that user.
    """
    missing = [row.name for row in fetch_all(cursor, "schema/roles/missing")]
    if not missing:
        return None
    user = cursor.connection.info.user
    return (
        f"{user} may make no roles, and {', '.join(missing)} are not there: the services run as "
        f"{user}. An administrator may make them (CREATE ROLE ... LOGIN) and run migrate."
    )


def set_passwords(cursor: Cursor, passwords: Mapping[str, str]) -> None:
    """Gives roles their passwords. The server only gets a verifier of each.

    Raises:
        OfficeError: the roles are not there.
    """
    lack = no_roles(cursor)
    if passwords and lack:
        raise OfficeError(f"No password can be given: {lack}")
    # Two processes at once would fail on the same row of the catalog.
    execute(cursor, "schema/version/lock")
    for role, password in passwords.items():
        verifier = encrypt_password(password, f"office_{role}", cursor.connection, "scram-sha-256")
        execute(cursor, f"schema/roles/password_of_{role}", {"verifier": verifier})
