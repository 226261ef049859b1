"""Whether the database is one server, or a Citus cluster."""

from pipeline.core.statements import Cursor, fetch_one


def is_cluster(cursor: Cursor) -> bool:
    """Whether the tables are spread over the nodes of a Citus cluster."""
    found: bool = fetch_one(cursor, "core/cluster/is_cluster").is_cluster
    return found


def count_workers(cursor: Cursor) -> int:
    """How many workers the database's coordinator has; 0 where it is a single server.

    Whether tables are spread over them already does not matter.
    """
    if not fetch_one(cursor, "core/cluster/has_extension").has_extension:
        return 0
    found: int = fetch_one(cursor, "core/cluster/count_workers").workers
    return found
