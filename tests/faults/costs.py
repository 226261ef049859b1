"""What it costs to judge a payload, against an average one of its size: none may be dear."""

from math import inf
from typing import Final

from generators import changed
from pipeline.core.database import Database
from pipeline.core.statements import Cursor

TOO_DEAR: Final = 20
LOOKS: Final = 5
LOOKS_AGAIN: Final = 10
RECORD: Final = '{"at":"10:05","value":7.5}'
LARGEST_BITS: Final = 20

# A row per payload: its size in bytes, and the seconds that its contract took. Each step waits for
# the one before: it refers to it.
OF_STAGED: Final = """
    SELECT e.seq, octet_length(e.payload) AS size, extract(epoch FROM done.at - began.at) AS seconds
    FROM staging.event AS e
    CROSS JOIN LATERAL (SELECT clock_timestamp() AS at, e.seq OFFSET 0) AS began
    CROSS JOIN LATERAL (
        SELECT p.reason
        FROM staging.parse_{stream}(
            e.payload, e.received_at, staging.contract_version(), 'global'
        ) AS p
        WHERE began.at IS NOT NULL
        OFFSET 0
    ) AS judged
    CROSS JOIN LATERAL (
        SELECT clock_timestamp() AS at WHERE judged.reason IS DISTINCT FROM '' OFFSET 0
    ) AS done
    WHERE e.seq > %s AND e.stream = '{stream}' AND e.payload IS NOT NULL
    """
OF_ONE: Final = """
    SELECT extract(epoch FROM done.at - began.at)
    FROM unnest(ARRAY[%s]) AS given (payload)
    CROSS JOIN LATERAL (SELECT clock_timestamp() AS at, given.payload OFFSET 0) AS began
    CROSS JOIN LATERAL (
        SELECT p.reason
        FROM staging.parse_{stream}(
            given.payload, now(), staging.contract_version(), 'global'
        ) AS p
        WHERE began.at IS NOT NULL
        OFFSET 0
    ) AS judged
    CROSS JOIN LATERAL (
        SELECT clock_timestamp() AS at WHERE judged.reason IS DISTINCT FROM '' OFFSET 0
    ) AS done
    """


def average_event(size: int) -> str:
    """A claim of about so many bytes: beside its fields it carries a list of records."""
    records = max(0, size - len(changed("claim", more="[]"))) // (len(RECORD) + 1)
    return changed("claim", more="[" + ",".join([RECORD] * records) + "]")


class Averages:
    """What an average event of each size costs, measured at powers of two."""

    def __init__(self, database: Database) -> None:
        """Measures the averages."""
        self._seconds = [
            cost_of(database, "claim", average_event(2**bits)) for bits in range(LARGEST_BITS + 1)
        ]

    def times(self, size: int, seconds: float) -> float:
        """How many times as much as an average event of the size this is."""
        bits = min(size.bit_length() - 1, LARGEST_BITS)
        average: float = self._seconds[bits] * (size / (1 << bits))
        return seconds / average

    def times_of(self, database: Database, stream: str, payload: str) -> float:
        """How many times as much as an average event of its size a payload costs.

        It looks again while the payload seems too dear: what else runs can only make it seem so.
        """
        times = inf
        for _ in range(LOOKS_AGAIN):
            seconds = cost_of(database, stream, payload)
            times = min(times, self.times(len(payload.encode()), seconds))
            if times <= TOO_DEAR:
                break
        return times


def cost_of(database: Database, stream: str, payload: str) -> float:
    """The seconds that it takes to judge a payload, undisturbed."""

    def look(cursor: Cursor) -> float:
        cursor.execute(OF_ONE.format(stream=stream), (payload,))
        [(seconds,)] = cursor.fetchall()
        return float(seconds)

    return min(database.run(look) for _ in range(LOOKS))


def dear_ones(database: Database, averages: Averages, stream: str, *, after: int) -> list[int]:
    """The raw rows behind a number that seem dear at a first look, which is disturbed easily."""

    def look(cursor: Cursor) -> list[int]:
        cursor.execute(OF_STAGED.format(stream=stream), (after,))
        return [
            seq
            for seq, size, seconds in cursor.fetchall()
            if size and averages.times(size, float(seconds)) > TOO_DEAR
        ]

    return database.run(look)
