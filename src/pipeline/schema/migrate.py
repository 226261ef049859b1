"""Brings a database to the schema of `sql/schema/`, also when several processes do so at once.

- `baseline/` holds the tables. Each file is applied once.
- `migrations/` holds what changed the tables since. Each file is applied once.
- `repeatable/` holds functions, views, comments and rights. All of these files are applied again
  when one of them has changed. On a cluster, a file of the same name in `sql/citus/` takes the
  place of one.

A file that is applied once must never be edited: its checksum is compared, and a change is refused.

Libraries were looked at before this was written. yoyo-migrations has no repeatable steps, and its
lock outlives a process that is killed. Alembic notices no edited file, and needs an extension and a
model of the tables for views. Flyway has what is wanted here, but needs Java.
"""

import hashlib
import logging

from psycopg2.errors import InsufficientPrivilege

from pipeline.core.cluster import is_cluster
from pipeline.core.database import Database, address
from pipeline.core.errors import OfficeError
from pipeline.core.statements import (
    Cursor,
    execute,
    execute_each,
    fetch_all,
    fetch_one,
    statement,
    statements_in,
)
from pipeline.schema.given import (
    missing_indexes,
    owns_clean_tables,
    require_given_tables,
    settle_limits,
    warn_of_differences,
)
from pipeline.schema.layout import grant_on_shards, spread_tables
from pipeline.schema.limits import warn_of_few_locks
from pipeline.schema.offices import decide_ids, renew_views
from pipeline.schema.partitions import make_partitions
from pipeline.schema.roles import no_roles
from pipeline.schema.windows import decide_window_length

log = logging.getLogger(__name__)

BASELINE = "schema/baseline"
MIGRATIONS = "schema/migrations"
REPEATABLE = "schema/repeatable"
OF_CLUSTER = "citus"

# The indexes of the clean tables, which only the owner of these may make.
INDEXES = f"{BASELINE}/180_clean_tables"

# The last file with tables that a database from before the baseline has applied.
BEFORE_BASELINE = "schema/047_report"

Checksums = dict[str, str]


def apply_schema(
    database: Database,
    *,
    ids: str | None = None,
    window_minutes: int | None = None,
    spreads: bool = False,
    shards: int | None = None,
) -> None:
    """Applies the schema files that are missing, and makes the partitions of the days to come.

    On a cluster, it spreads the tables that they make as the others are.

    Args:
        database: the database to bring up to date.
        ids: whether ids are `global` or `per_office`; None keeps what the database says.
        window_minutes: the length of a window; None keeps what the database says.
        spreads: make a cluster of the database, if it has workers.
        shards: into how many parts a table is cut on a cluster; None for two per worker.

    Raises:
        OfficeError: a given table is missing or can't be used, the user may not change the schema,
            an applied file was edited, the database is too old or too new, or ids or windows are
            settled otherwise.
    """
    # The given tables come first; what the schema builds on them follows them to the nodes.
    if spreads and _lay_out(database, shards):
        # Citus has made views anew, without the rights on them.
        database.run(_forget_repeatable)
    if not database.run(_is_up_to_date):
        _bring_up_to_date(database)
        if database.run(is_cluster):
            _lay_out(database, shards)
    make_partitions(database)
    decide_ids(database, ids)
    decide_window_length(database, window_minutes)


def warn_of_shortcomings(cursor: Cursor) -> None:
    """Logs a line for each way in which the database or the server's settings fall short."""
    warn_of_differences(cursor)
    warn_of_few_locks(cursor)
    for remark in (no_roles(cursor), missing_indexes(cursor)):
        if remark:
            log.warning("the database lacks something", extra={"what": remark})


def schema_version() -> str:
    """The newest migration."""
    return statements_in(MIGRATIONS)[-1].rpartition("/")[2]


def _lay_out(database: Database, shards: int | None) -> list[str]:
    """Spreads the tables, and gives the roles their rights on them; returns what it has spread."""
    spread = spread_tables(database, shards)
    if database.run(is_cluster):
        database.run(grant_on_shards)
    return spread


def _forget_repeatable(cursor: Cursor) -> None:
    if _applied(cursor):
        execute(cursor, "schema/version/forget_repeatable")


def _bring_up_to_date(database: Database) -> None:
    try:
        applied = database.run(_apply_missing)
    except InsufficientPrivilege:
        raise OfficeError(
            f"The schema at {address(database.dsn)} is not of this version, and its user may not "
            "change it: run 'python src/office.py migrate' as the database's owner."
        ) from None
    for name in applied:
        log.info("schema file applied", extra={"file": name})


def _is_up_to_date(cursor: Cursor) -> bool:
    needed = _checksums_of(*_applied_once(), *_repeatable(cursor))
    is_applied = _applied(cursor) == needed
    return is_applied and _has_roles_and_views(cursor)


def _apply_missing(cursor: Cursor) -> list[str]:
    execute(cursor, "schema/version/in_sequence")
    require_given_tables(cursor, is_new=not _applied(cursor))
    # One process at a time. Others can read and write the tables meanwhile.
    execute(cursor, "schema/version/lock")
    execute(cursor, "schema/version/create")
    _adopt_baseline(cursor)
    applied = _applied(cursor)
    _refuse_edited(applied)
    if applied:
        # No merge is under way from here on: the limits of the columns may change.
        execute(cursor, "revenue/lock_cursors")
    missing = [name for name in _applied_once() if name not in applied]
    repeatable = _repeatable(cursor)
    has_changed = _only_repeatable(applied) != _checksums_of(*repeatable)
    if has_changed or missing or not _has_roles_and_views(cursor):
        execute(cursor, "schema/version/forget_repeatable")
        missing += repeatable
    for name in missing:
        # Somebody else may own the given tables: their owner may make the indexes.
        if name != INDEXES or owns_clean_tables(cursor):
            execute_each(cursor, name)
        execute(cursor, "schema/version/record", {"name": name, "checksum": _checksum(name)})
    settle_limits(cursor)
    renew_views(cursor)
    return missing


def _adopt_baseline(cursor: Cursor) -> None:
    """Records the baseline as applied where the tables were made by the files before it."""
    applied = _applied(cursor)
    if not applied or any(name.startswith(BASELINE) for name in applied):
        return
    if BEFORE_BASELINE not in applied:
        raise OfficeError(
            "The database has an unfinished schema from before version 0.1.0: "
            "make a new database and load the raw rows into it."
        )
    execute(cursor, "schema/version/forget_all")
    for name in statements_in(BASELINE):
        execute(cursor, "schema/version/record", {"name": name, "checksum": _checksum(name)})


def _refuse_edited(applied: Checksums) -> None:
    for name, checksum in applied.items():
        if _is_repeatable(name):
            continue
        if name not in _applied_once():
            raise OfficeError(
                f"The database has the schema file {name}, which this version does not know: "
                "it was made by a newer version. Use that one."
            )
        if checksum != _checksum(name):
            raise OfficeError(
                f"The schema file {name} was edited after it was applied: undo the edit, and put "
                f"the change into a new file in {MIGRATIONS}."
            )


def _only_repeatable(applied: Checksums) -> Checksums:
    return {name: each for name, each in applied.items() if _is_repeatable(name)}


def _is_repeatable(name: str) -> bool:
    return name.startswith((REPEATABLE, OF_CLUSTER))


def _applied_once() -> list[str]:
    return [*statements_in(BASELINE), *statements_in(MIGRATIONS)]


def _repeatable(cursor: Cursor) -> list[str]:
    """The repeatable files; on a cluster, some of its own in the place of those of that name."""
    own = set(statements_in(OF_CLUSTER)) if is_cluster(cursor) else set()
    names = [(name, name.replace(REPEATABLE, OF_CLUSTER)) for name in statements_in(REPEATABLE)]
    return [instead if instead in own else name for name, instead in names]


def _checksums_of(*names: str) -> Checksums:
    return {name: _checksum(name) for name in names}


def _checksum(name: str) -> str:
    return hashlib.sha256(statement(name).encode()).hexdigest()


def _applied(cursor: Cursor) -> Checksums:
    if not fetch_one(cursor, "schema/version/is_there").is_there:
        return {}
    return {row.name: row.checksum for row in fetch_all(cursor, "schema/version/applied")}


def _has_roles_and_views(cursor: Cursor) -> bool:
    """Whether roles and audit views are there.

    Roles belong to the server, and no dump brings them along. The owner drops the audit views to
    change a given table.
    """
    return bool(fetch_one(cursor, "schema/roles/are_there").are_there)
