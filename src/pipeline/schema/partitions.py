"""Makes the partitions of the days to come, before anything is received on them."""

import logging

from psycopg2.errors import InsufficientPrivilege, LockNotAvailable

from pipeline.core.database import Database
from pipeline.core.statements import Cursor, fetch_one

log = logging.getLogger(__name__)


def make_partitions(database: Database) -> int:
    """Makes what is missing of the days from yesterday to a week ahead; how many partitions.

    Where others hold it up, or the user may not, it is left to the next call: what is received on
    a day without a partition is kept beside the days, and moved when its partition is made.
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
    return made


def _count_missing(cursor: Cursor) -> int:
    return int(fetch_one(cursor, "schema/partitions/count_missing").missing)
