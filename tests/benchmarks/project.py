"""The project's own work as the benchmarks time it: warm, in process, nothing switched off.

All that depends on how the project is called stands here.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from ingestor import EVENTS_PER_COMMIT, on_arrival
from models.subscriber import Subscriber
from pipeline.database import Database, wait_until_reachable
from pipeline.merge import merge_pending
from pipeline.revenue import close_run, compute, publish
from pipeline.settings import Settings
from pipeline.staging import load_lines
from pipeline.statements import Cursor
from utils.pipeline_utils import Channel

BATCH_SIZE: int = Settings.model_fields["batch_size"].default
DRAIN_SECONDS = 60.0


@contextmanager
def office(url: str, *, sweep: bool = True) -> Iterator[Database]:
    """The database over a link that is open, and has merged before."""
    with closing(opened(url)) as database:
        merge(database, sweep=sweep)
        yield database


def opened(url: str) -> Database:
    """The database over a link that is open."""
    database = Database(url, name="benchmark")
    wait_until_reachable(database, seconds=10)
    return database


def load(database: Database, files: dict[str, Path]) -> None:
    """What `load` does with each file."""
    for stream, file in files.items():
        with file.open("rb") as lines:
            for _ in load_lines(database, stream, lines):
                pass


def merge(database: Database, *, sweep: bool = True) -> None:
    """What `merge` does; the ingestor's merges but one a minute are without a sweep."""
    for _ in merge_pending(database, batch_size=BATCH_SIZE, sweep=sweep):
        pass


def load_and_merge(database: Database, files: dict[str, Path], *, sweep: bool = True) -> None:
    """Files to final rows."""
    load(database, files)
    merge(database, sweep=sweep)


def recompute(database: Database, *, since: datetime, until: datetime) -> None:
    """Computes and publishes the windows between, as an analytics run does but for its checks."""
    candidate = database.run(lambda cursor: compute(cursor, now=until, since=since, until=until))

    def settle(cursor: Cursor) -> None:
        run, windows = candidate.quality_run_id, candidate.windows
        published = publish(cursor, run, windows)
        close_run(cursor, run, verdict="published", published=published, blocked=[])

    database.run(settle)


def receive(database: Database, stream: str, payloads: Iterable[bytes], channel: Channel) -> None:
    """Publishes events into the channel and returns when the last one is acknowledged."""
    subscriber = Subscriber(
        channel, on_arrival(database, stream), name=stream, at_most=EVENTS_PER_COMMIT
    )
    subscriber.start()
    for payload in payloads:
        channel.publish(payload)
    channel.close()
    if not subscriber.stop(DRAIN_SECONDS):
        raise RuntimeError("events were left unacknowledged")
