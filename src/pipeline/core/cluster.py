"""Whether the database is one server, or a Citus cluster."""

from pipeline.core.statements import Cursor, fetch_one


def is_cluster(cursor: Cursor) -> bool:
    """Whether the tables are spread over the nodes of a Citus cluster."""
    found: bool = fetch_one(cursor, "core/cluster/is_cluster").is_cluster
    return found
