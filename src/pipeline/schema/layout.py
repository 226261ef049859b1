"""Spreads the tables of an office over the nodes of a Citus cluster, as `sql/citus/layout` says.

It can be done in an empty office and in one with data, and again: what is spread stays as it is.
"""

import logging
from functools import partial
from typing import Any, Final

from pipeline.core.cluster import count_workers
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor, execute, fetch_all, fetch_one

log = logging.getLogger(__name__)

SHARDS_PER_WORKER: Final = 2
"""PostgreSQL doesn't know how many cores a worker has, and Citus doesn't ask."""


def spread_tables(database: Database, shards: int | None) -> list[str]:
    """Spreads the tables that are there, each in a transaction of its own; others wait for it.

    Args:
        database: a database; if it is no coordinator with workers, nothing is done.
        shards: into how many parts a table is cut; None for two per worker.

    Returns:
        The names of the tables that it has spread.
    """
    workers = database.run(count_workers)
    if not workers:
        return []
    database.run(partial(_require_nodes_to_do, "schema/layout/share_roles"))
    database.run(partial(execute, name="schema/layout/share_functions"))
    database.run(partial(execute, name="schema/layout/check_each_row"))
    cut = shards or SHARDS_PER_WORKER * workers
    tables = database.run(partial(fetch_all, name="citus/layout"))
    spread = [
        table.table_name for table in tables if database.run(partial(_spread, table, shards=cut))
    ]
    for table in tables:
        database.run(partial(_drop_old_rows, table=table.table_name))
    for name in spread:
        log.info("table spread over the cluster", extra={"table": name, "shards": cut})
    return spread


def grant_on_shards(cursor: Cursor) -> None:
    """Gives the roles on the shards what they need for what they may do on the coordinator.

    It is lost when a shard moves to another node. It can be done again.
    """
    _require_nodes_to_do("schema/layout/grant_on_shards", cursor)


def _spread(table: Any, cursor: Cursor, *, shards: int) -> bool:  # noqa: ANN401
    """Spreads a table, unless it is spread; says whether it did."""
    # One process at a time.
    execute(cursor, "schema/version/lock")
    name = {"table_name": table.table_name}
    if fetch_one(cursor, "schema/layout/is_spread", name).is_spread:
        return False
    execute(cursor, "schema/layout/unlimit_time")
    execute(cursor, "schema/layout/keep_comments")
    if table.spread_by is None:
        execute(cursor, "schema/layout/copy_to_nodes", name)
    else:
        # A table beside another one is cut as that one is.
        number = {"shards": shards if table.beside == "none" else None}
        execute(cursor, "schema/layout/spread", {**table._asdict(), **number})
    execute(cursor, "schema/layout/restore_comments")
    return True


def _drop_old_rows(cursor: Cursor, table: str) -> None:
    name = {"table_name": table}
    if fetch_one(cursor, "schema/layout/keeps_old_rows", name).keeps:
        execute(cursor, "schema/layout/drop_old_rows", name)


def _require_nodes_to_do(name: str, cursor: Cursor) -> None:
    failed = sorted({f"{row.nodename}:{row.nodeport}" for row in fetch_all(cursor, name)})
    if failed:
        raise OfficeError(
            f"The nodes {', '.join(failed)} of the cluster did not take the rights of the office's "
            "roles: their logs say why. When they do, run 'python src/office.py migrate' again."
        )
