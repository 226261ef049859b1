"""Brings a database to the schema of `sql/schema/`, again and again, by many at once."""

import hashlib
import logging
from itertools import dropwhile

from psycopg2.errors import InsufficientPrivilege

from pipeline.core.database import Database, address
from pipeline.core.errors import OfficeError
from pipeline.core.statements import (
    Cursor,
    execute,
    fetch_all,
    fetch_one,
    statement,
    statements_in,
)
from pipeline.schema.offices import decide_ids
from pipeline.schema.partitions import make_partitions

log = logging.getLogger(__name__)


def apply_schema(database: Database, *, ids: str | None = None) -> None:
    """Applies the schema files, in order, from the first that the database has in another form.

    Then makes the partitions of the days to come, where they are missing.

    Args:
        database: the office's.
        ids: how ids are told apart, `global` or `per_office`; None for what the database says.

    Raises:
        OfficeError: the database lacks the tables that the office gives, its user may not
            change the schema, or ids have been told apart otherwise.
    """
    files = {name: _checksum(name) for name in statements_in("schema")}
    if not database.run(lambda cursor: _applied(cursor) == files):
        _bring_up_to_date(database, files)
    make_partitions(database)
    decide_ids(database, ids)


def _bring_up_to_date(database: Database, files: dict[str, str]) -> None:
    try:
        applied = database.run(lambda cursor: _apply_missing(cursor, files))
    except InsufficientPrivilege:
        raise OfficeError(
            f"The schema at {address(database.dsn)} is not of this version, and its user may not "
            "change it: run 'python src/office.py migrate' as the database's owner."
        ) from None
    for name in applied:
        log.info("schema file applied", extra={"file": name})


def schema_version() -> str:
    """The last of the schema files, up to which a database is brought."""
    return statements_in("schema")[-1].removeprefix("schema/")


def _checksum(name: str) -> str:
    return hashlib.sha256(statement(name).encode()).hexdigest()


def _applied(cursor: Cursor) -> dict[str, str]:
    if not fetch_one(cursor, "schema/version/is_there").is_there:
        return {}
    return {row.name: row.checksum for row in fetch_all(cursor, "schema/version/applied")}


def _apply_missing(cursor: Cursor, files: dict[str, str]) -> list[str]:
    _require_given_tables(cursor)
    # One process at a time; reading and writing the tables goes on meanwhile.
    execute(cursor, "schema/version/lock")
    execute(cursor, "schema/version/create")
    applied = _applied(cursor)
    # A file builds on those before it: a view that is made anew has lost the grants on it.
    missing = list(
        dropwhile(lambda name: applied.get(name) == files[name], files),
    )
    for name in missing:
        execute(cursor, name)
        execute(cursor, "schema/version/record", {"name": name, "checksum": files[name]})
    return missing


def _require_given_tables(cursor: Cursor) -> None:
    missing = fetch_one(cursor, "schema/version/given_tables").missing
    if missing:
        raise OfficeError(
            f"The database lacks the table {missing}: run setup/init_db.sql in it first."
        )
