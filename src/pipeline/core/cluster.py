"""Whether the database is one server, or a Citus cluster; and what a cluster's errors mean.

Citus gives the SQLSTATE of an error that PostgreSQL did not foresee to many of its own. Only their
texts tell them apart. These are the same in every language, but for what a node says itself.
"""

import re
from typing import Final

import psycopg2

from pipeline.core.statements import Cursor, fetch_one

UNFORESEEN: Final = "XX000"
# How a text begins if a node is away: what libpq says of a link, what Citus says when it needs one,
# and what a node says as it stops or starts.
NODE_IS_AWAY: Final = re.compile(
    r"server closed the connection unexpectedly|connection not open|no connection to the server"
    r"|could not (receive data from|send data to) server|SSL connection has been closed"
    r"|cannot connect to \S+ to fetch intermediate results|failed to read result \S+ from node"
    r"|failure on connection marked as essential|could not connect to any active placements"
    r"|could not find an available connection|failed to prepare transaction '[^']*' on host"
    r"|could not commit transaction for shard|execution cannot recover from multiple connection"
    r"|postmaster was shut down|terminating connection due to|the database system is "
)
DUPLICATE_KEY: Final = re.compile(r"duplicate key value violates unique constraint ")


class NodeAwayError(psycopg2.OperationalError):
    """A node of the cluster was away."""

    pgcode = UNFORESEEN


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


def is_node_away(error: psycopg2.Error) -> bool:
    """Whether an error that looks unforeseen says that a node is away, and passes by itself."""
    return error.pgcode == UNFORESEEN and bool(NODE_IS_AWAY.match(str(error)))


def is_duplicate_key(error: psycopg2.Error) -> bool:
    """Whether an error that looks unforeseen says that a key was there, as it does in a COPY."""
    return error.pgcode == UNFORESEEN and bool(DUPLICATE_KEY.match(str(error)))
