"""Brings a database to the schema of `sql/schema/`, again and again, by many at once."""

import hashlib
import logging

from pipeline.database import Database
from pipeline.errors import OfficeError
from pipeline.statements import (
    Cursor,
    execute,
    fetch_all,
    fetch_one,
    statement,
    statements_in,
)

log = logging.getLogger(__name__)


def apply_schema(database: Database) -> None:
    """Applies, in order, the schema files that the database doesn't have in their present form.

    Raises:
        OfficeError: the database lacks the tables that the office gives.
    """
    files = {name: _checksum(name) for name in statements_in("schema")}
    if database.run(lambda cursor: _applied(cursor) == files):
        return
    for name in database.run(lambda cursor: _apply_missing(cursor, files)):
        log.info("schema file applied: %s", name)


def _checksum(name: str) -> str:
    return hashlib.sha256(statement(name).encode()).hexdigest()


def _applied(cursor: Cursor) -> dict[str, str]:
    if not fetch_one(cursor, "schema_version/is_there").is_there:
        return {}
    return {row.name: row.checksum for row in fetch_all(cursor, "schema_version/applied")}


def _apply_missing(cursor: Cursor, files: dict[str, str]) -> list[str]:
    _require_given_tables(cursor)
    # One process at a time; reading and writing the tables goes on meanwhile.
    execute(cursor, "schema_version/lock")
    execute(cursor, "schema_version/create")
    applied = _applied(cursor)
    missing = [name for name, checksum in files.items() if applied.get(name) != checksum]
    for name in missing:
        execute(cursor, name)
        execute(cursor, "schema_version/record", {"name": name, "checksum": files[name]})
    return missing


def _require_given_tables(cursor: Cursor) -> None:
    missing = fetch_one(cursor, "schema_version/given_tables").missing
    if missing:
        raise OfficeError(
            f"The database lacks the table {missing}: run setup/init_db.sql in it first."
        )
