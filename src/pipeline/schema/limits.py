"""Says before it hurts that the server has too little room for locks.

A statement that may read any day locks every partition and each of its indexes until its
transaction ends. The server keeps the locks of all transactions in tables of a fixed size. If these
are full, statements fail with "out of shared memory". Their size can only be changed by a restart.
"""

import logging
from typing import Any, Final

from pipeline.core.cluster import is_cluster
from pipeline.core.statements import Cursor, fetch_all, fetch_one

log = logging.getLogger(__name__)

AT_ONCE: Final = 6
"""Such statements that may run at once: two merges, two for metrics, analytics, a person's."""
HOLDERS_PER_LOCK: Final = 2
"""The server has room for so many holders per lock, and these statements hold the same ones."""


def too_few_locks(cursor: Cursor) -> str | None:
    """What is too little, and the statement that mends it, in one line; None if there is enough.

    It reckons as the manual does, max_locks_per_transaction * (max_connections +
    max_prepared_transactions). Up to PostgreSQL 18, the server really has room for some more.
    """
    found = fetch_one(cursor, "schema/limits/locks")
    short = [_shortage("The server", found, found.days)]
    if is_cluster(cursor):
        # A worker has its shards of each day.
        workers = fetch_all(cursor, "schema/limits/locks_of_workers")
        short += [_shortage(f"The worker {each.node}", each, found.days) for each in workers]
    return " ".join(filter(None, short)) or None


def _shortage(server: str, found: Any, days: int) -> str | None:  # noqa: ANN401
    room = found.locks_per_transaction * found.transactions
    needed = AT_ONCE * found.relations // HOLDERS_PER_LOCK
    if needed <= room:
        return None
    return (
        f"{server} has room for {room} locks, and {AT_ONCE} statements at once over all "
        f"{days} days need {needed}: run ALTER SYSTEM SET max_locks_per_transaction = "
        f"{_enough(needed, found.transactions)} as a superuser, and restart the server."
    )


def warn_of_few_locks(cursor: Cursor) -> None:
    """Logs what is too little, if anything is."""
    shortage = too_few_locks(cursor)
    if shortage:
        log.warning("too few locks", extra={"advice": shortage})


def _enough(needed: int, transactions: int) -> int:
    """A setting with room for twice as many days, so that it lasts for a while: a power of two."""
    least = -(-2 * needed // transactions)
    return 1 << (least - 1).bit_length()
