"""Makes the partitions of the coming days ahead of time."""

import logging

from psycopg2.errors import InsufficientPrivilege, LockNotAvailable

from pipeline.core.database import Database
from pipeline.core.statements import Cursor, fetch_one
from pipeline.schema.limits import warn_of_few_locks

log = logging.getLogger(__name__)


def make_partitions(database: Database) -> int:
    """Makes the missing partitions from yesterday to a week ahead; returns how many it made.

    If a lock is busy or the user may not do it, the next call does it. Rows of a day without a
    partition go to the default partition, and move when their own is made.
    """
    if not database.run(_count_missing):
        return 0
    try:
        with database.transaction() as cursor:
            made = int(fetch_one(cursor, "schema/partitions/make").made)
    except (InsufficientPrivilege, LockNotAvailable) as error:
        log.info("partitions are left to a later time", extra={"error": type(error).__name__})
        return 0
    log.info("partitions made", extra={"partitions": made})
    database.run(warn_of_few_locks)
    return made


def _count_missing(cursor: Cursor) -> int:
    return int(fetch_one(cursor, "schema/partitions/count_missing").missing)
