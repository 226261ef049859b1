"""The project's own work as the benchmarks time it: warm, in process, nothing switched off.

All that depends on how the project is called stands here.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from benchmarks.turns import do_all
from ingestor import EVENTS_PER_COMMIT, on_arrival
from models.subscriber import Subscriber
from pipeline.core.database import Database, wait_until_reachable
from pipeline.core.settings import Settings
from pipeline.core.statements import Cursor
from pipeline.core.streams import STREAMS
from pipeline.merge.merge import Look, merge_stream
from pipeline.revenue.revenue import close_run, compute, publish
from pipeline.staging.load import load as load_file
from pipeline.staging.load_open import file_source
from utils.pipeline_utils import Channel, Source

BATCH_SIZE: int = Settings.model_fields["batch_size"].default
DRAIN_SECONDS = 60.0


Office = dict[str, Database]
"""A link for each stream, as the ingestor has them."""


@contextmanager
def office(url: str, *, sweep: bool = True) -> Iterator[Office]:
    """The database over links that are open, and have merged before."""
    with opened_office(url) as databases:
        merge(databases, sweep=sweep)
        yield databases


@contextmanager
def opened_office(url: str) -> Iterator[Office]:
    """The database over links that are open."""
    with ExitStack() as links:
        yield {stream: links.enter_context(closing(opened(url))) for stream in STREAMS}


def opened(url: str) -> Database:
    """The database over a link that is open."""
    database = Database(url, name="benchmark")
    wait_until_reachable(database, seconds=10)
    return database


def load(databases: Office, files: dict[str, Path]) -> None:
    """What `load` does with each file, both at the same time."""

    def load_one(stream: str) -> None:
        with ExitStack() as stack:
            for _ in load_file(databases[stream], stream, file_source(files[stream], stack)):
                pass

    do_all([partial(load_one, stream) for stream in files], at_once=True)


def merge(databases: Office, *, sweep: bool = True) -> None:
    """What the ingestor's merge does; all but one at its start are without a sweep of all."""
    look = Look.ALL if sweep else None

    def merge_one(stream: str) -> None:
        for _ in merge_stream(databases[stream], stream, batch_size=BATCH_SIZE, sweep=look):
            pass

    do_all([partial(merge_one, stream) for stream in databases], at_once=True)


def load_and_merge(databases: Office, files: dict[str, Path], *, sweep: bool = True) -> None:
    """Files to final rows."""
    load(databases, files)
    merge(databases, sweep=sweep)


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
    subscriber = subscriber_of(database, stream, channel)
    subscriber.start()
    for payload in payloads:
        channel.publish(payload)
    channel.close()
    if not subscriber.stop(DRAIN_SECONDS):
        raise RuntimeError("events were left unacknowledged")


def subscriber_of(database: Database, stream: str, source: Source) -> Subscriber:
    """What stages a stream's events, and acknowledges them behind their commit."""
    callback = on_arrival(database, stream)
    return Subscriber(source, callback, name=stream, at_most=EVENTS_PER_COMMIT)
