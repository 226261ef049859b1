"""The roles of the services and of the auditor. The schema says what each may do."""

from collections.abc import Mapping
from typing import Final

from psycopg2.extensions import encrypt_password, make_dsn

from pipeline.core.statements import Cursor, execute

ROLES: Final = ("ingest", "merge", "analytics", "auditor")


def login_as(dsn: str, role: str, password: str) -> str:
    """The connection string of the same database for one of the roles."""
    return make_dsn(dsn, user=f"office_{role}", password=password)


def set_passwords(cursor: Cursor, passwords: Mapping[str, str]) -> None:
    """Gives roles their passwords. The server only gets a verifier of each."""
    # Two processes at once would fail on the same row of the catalog.
    execute(cursor, "schema/version/lock")
    for role, password in passwords.items():
        verifier = encrypt_password(password, f"office_{role}", cursor.connection, "scram-sha-256")
        execute(cursor, f"schema/roles/password_of_{role}", {"verifier": verifier})
