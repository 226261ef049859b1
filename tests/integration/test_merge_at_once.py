"""What the ingestor appends is merged at once; how its parts are wired, against a real database."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from prometheus_client import CollectorRegistry

from ingestor import IngestorMonitor, followers_of, following, merging, on_arrival
from integration.events import claim, diagnose
from models.follower import Follower
from pipeline.core.database import Database
from pipeline.core.settings import Settings
from waits import wait_for

# None of the tests takes so long.
NEVER = 3600.0
DEADLINE = 60
# In this time, a merge that should wait would have come many times.
A_WHILE = 0.2

# Each merge locks the cursor of its stream, and so leaves the number of its transaction there.
LAST_MERGES = "SELECT stream, xmin::text || ' ' || xmax::text FROM staging.merge_cursor"


class Ingesting:
    """The merges of an ingestor that follow what it appends."""

    def __init__(
        self, database: Database, followers: dict[str, Follower], registry: CollectorRegistry
    ) -> None:
        self.database = database
        self.followers = followers
        self.registry = registry

    def append(self, stream: str, payload: bytes) -> None:
        on_arrival(self.database, stream, on_appended=self.followers[stream].wake)([payload])

    def wait_for(self, stream: str, count: int) -> None:
        """Waits until so many rows are clean."""
        wait_until(lambda: self.clean(stream) == count)

    def clean(self, stream: str) -> int:
        with self.database.transaction() as cursor:
            cursor.execute(f"SELECT count(*) FROM {stream}")
            [(count,)] = cursor.fetchall()
            return int(count)

    def last_merges(self) -> dict[str, str]:
        with self.database.transaction() as cursor:
            cursor.execute(LAST_MERGES)
            return dict(cursor.fetchall())

    def failures(self) -> float | None:
        return self.registry.get_sample_value("office_job_failures_total", {"job": "merge"})


def wait_until(condition: Callable[[], object]) -> None:
    assert wait_for(condition, DEADLINE), "it did not become true"


@contextmanager
def ingesting(database: Database, longest_seconds: float) -> Iterator[Ingesting]:
    settings = Settings(merge_seconds=longest_seconds)
    monitor = IngestorMonitor(database.dsn, settings)
    with ExitStack() as running:
        merges = running.enter_context(merging(database.dsn, settings, monitor))
        followers = followers_of(merges, settings)
        running.enter_context(following(followers.values()))
        yield Ingesting(database, followers, monitor.metrics.registry)


def test_what_is_appended_is_clean_long_before_the_longest_wait(database: Database) -> None:
    with ingesting(database, NEVER) as office:
        for number in range(1, 4):
            office.append("claim", claim(number))
            office.append("diagnose", diagnose(number))
            office.wait_for("claim", number)
            office.wait_for("diagnose", number)


def test_a_stream_is_merged_on_its_own_arrivals_only(database: Database) -> None:
    with ingesting(database, NEVER) as office:
        before = office.last_merges()
        office.append("claim", claim(1))
        office.wait_for("claim", 1)
        assert office.last_merges()["diagnose"] == before["diagnose"]


def test_nothing_is_merged_while_nothing_arrives(database: Database) -> None:
    with ingesting(database, NEVER) as office:
        office.append("claim", claim(1))
        office.wait_for("claim", 1)
        before = office.last_merges()
        time.sleep(A_WHILE)
        assert office.last_merges() == before


def test_what_others_append_waits_for_the_longest_wait_only(database: Database) -> None:
    with ingesting(database, 0.05) as office:
        on_arrival(database, "claim")([claim(1)])
        office.wait_for("claim", 1)


def test_a_merge_that_fails_is_not_tried_for_each_arrival(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.transaction() as cursor:
        cursor.execute("ALTER VIEW staging.merge_place RENAME TO away")
    with ingesting(database, NEVER) as office:
        office.append("claim", claim(1))
        wait_until(lambda: office.failures() == 1)
        for number in range(2, 6):
            office.append("claim", claim(number))
        time.sleep(A_WHILE)
        assert office.failures() == 1
    assert "job failed" in caplog.text


def test_a_merge_that_failed_is_tried_again_after_the_longest_wait(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("ALTER VIEW staging.merge_place RENAME TO away")
    with ingesting(database, 0.05) as office:
        office.append("claim", claim(1))
        wait_until(office.failures)
        with database.transaction() as cursor:
            cursor.execute("ALTER VIEW staging.away RENAME TO merge_place")
        office.wait_for("claim", 1)
