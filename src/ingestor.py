"""The ingestor: subscribes to the office's streams, appends what arrives, and merges it at once.

If CLAIM_PIPE_NAME and DIAGNOSE_PIPE_NAME are set, the streams come from these pipes. If
OFFICE_BROKER_URL is set, they come from that broker. Otherwise the ingestor also runs the simulated
office, which publishes them in the same process.

Run as `python src/ingestor.py`; SIGINT, SIGTERM or SIGHUP drains and stops it.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from models.follower import Follower
from models.scheduler import Scheduler
from models.subscriber import Subscriber
from pipeline.core.database import PASSING_ERRORS, Database, describe, once_reachable
from pipeline.core.errors import exit_on_office_error
from pipeline.core.logs import configure_logging
from pipeline.core.settings import Settings, load_settings
from pipeline.core.statements import Cursor
from pipeline.core.streams import STREAMS
from pipeline.core.window import read_window_length
from pipeline.merge.merge import Look, merge_stream
from pipeline.operations.health import LastTime
from pipeline.operations.metrics import IngestorMetrics, lag_seconds, read_streams, stream_families
from pipeline.operations.monitor import monitoring
from pipeline.operations.notices import telling_as_set
from pipeline.operations.question import NoAnswerError, Question
from pipeline.schema.migrate import apply_schema, schema_version, warn_of_shortcomings
from pipeline.schema.offices import keys_of, number_of_own_events
from pipeline.schema.partitions import make_partitions
from pipeline.schema.roles import login_as
from pipeline.staging.append import append, next_id
from publisher import SIMULATED, Publisher
from transport import Transport, open_transport, saying
from utils.pipeline_utils import Channel, Source, stop_at_end_of_input, stop_on_signals
from utils.pipes import Pipes

# The default database; DATABASE_URL or the PG* variables replace it.
DB_NAME = "doctor_office"
DB_USER = "dataeng"
DB_PASSWORD = "best"  # noqa: S105  (the office's development password, overridable like the rest)
DB_HOST = "db"
DB_PORT = 5432

START_SECONDS = 60.0
APPEND_SECONDS = 10.0
# Events that arrive during a commit are committed together by the next one, up to this number.
EVENTS_PER_COMMIT = 1_000
# Partitions are made days ahead, so a failed attempt does no harm.
PARTITIONS_SECONDS = 3600.0
SWEEP_ALL_SECONDS = 86_400.0
# Together well under the 15 s that a container is given to stop.
PUBLISHER_STOP_SECONDS = 1.0
DRAIN_SECONDS = 4.0
# A raw row that is pending for longer than the longest wait for a merge plus this is a problem.
PATIENCE_SECONDS = 60.0

log = logging.getLogger("ingestor")


class IngestorMonitor:
    """The ingestor's metrics and health."""

    def __init__(self, dsn: str, settings: Settings) -> None:
        self.metrics = IngestorMetrics()
        self._most_seconds = settings.merge_seconds + PATIENCE_SECONDS
        self.merges = {
            stream: LastTime(f"merge of {stream}", most_seconds=self._most_seconds)
            for stream in STREAMS
        }
        self.subscribers: dict[str, Subscriber] = {}
        self._transport: Transport | None = None
        self._streams = Question(dsn, read_streams, name="ingestor metrics")
        self.metrics.watch_state(self._streams, stream_families)

    def watch_transport(self, transport: Transport) -> None:
        """Reports from now on what is wrong with a transport, and how its pipes are."""
        self._transport = transport
        if isinstance(transport, Pipes):
            self.metrics.watch_pipes(transport.sources)

    def problems(self) -> list[str]:
        """The reasons why the ingestor is not healthy; empty if it is."""
        merges = [problem for merge in self.merges.values() for problem in merge.problems()]
        return [*self._receiving_problems(), *merges, *self._lag_problems()]

    def _receiving_problems(self) -> list[str]:
        if not self.subscribers:
            return ["nothing is received yet"]
        transport_problems = self._transport.problems() if self._transport else []
        return transport_problems or [
            f"the subscriber of {stream} has ended"
            for stream, subscriber in self.subscribers.items()
            if not subscriber.is_running
        ]

    def _lag_problems(self) -> list[str]:
        try:
            streams = self._streams.ask()
        except NoAnswerError as error:
            return [f"the database does not answer: {error}"]
        return [
            f"the oldest pending {stream.stream} has waited for {lag_seconds(stream):.0f} s, "
            f"which is more than {self._most_seconds:.0f} s"
            for stream in streams
            if lag_seconds(stream) > self._most_seconds
        ]


def main() -> int:
    """Runs until a signal comes, then drains: stages and merges what was received."""
    settings = load_settings()
    configure_logging()
    stop = stop_on_signals()
    if settings.stop_at_end_of_input:
        stop_at_end_of_input(stop)
    dsn = settings.database_dsn(
        host=DB_HOST, port=DB_PORT, dbname=DB_NAME, user=DB_USER, password=DB_PASSWORD
    )
    log.info("started", extra={"schema": schema_version()})
    monitor = IngestorMonitor(dsn, settings)
    with (
        monitoring(
            monitor.metrics.registry,
            monitor.problems,
            address=settings.metrics_address,
            port=settings.metrics_port,
        ),
        merging(dsn, settings, monitor) as merges,
    ):
        merge = partial(merge_together, list(merges.values()))

        def start(database: Database) -> tuple[Simulated, timedelta]:
            apply_schema(database, ids=settings.ids, window_minutes=settings.window_minutes)
            database.run(warn_of_shortcomings)
            merge(sweep=Look.RECENT)
            simulated = database.run(partial(simulated_next, number=settings.number))
            return simulated, settings.analytics_period(database.run(read_window_length))

        with closing(Database(dsn, name="ingestor")) as database:
            simulated, period = once_reachable(
                database, partial(start, database), seconds=START_SECONDS, interrupt=stop
            )
        followers = followers_of(merges, settings)
        wakes = {stream: follower.wake for stream, follower in followers.items()}
        with receiving(settings, append_dsn(dsn, settings), simulated, monitor, wakes):
            scheduler = Scheduler()
            sweep = partial(merge, sweep=Look.RECENT)
            scheduler.every(settings.sweep_seconds, sweep, name="sweep")
            # It reads all of history, so it runs after receiving has begun.
            sweep_all = partial(merge, sweep=Look.ALL)
            scheduler.every(SWEEP_ALL_SECONDS, sweep_all, name="sweep of all", at_start=True)
            scheduler.every(PARTITIONS_SECONDS, partial(make_ahead, dsn), name="partitions")
            # Analytics tells, too; but somebody else must say that it has stopped.
            with (
                following(followers.values()),
                telling_as_set(dsn, settings, period, on_told=monitor.metrics.told),
            ):
                log.info("receiving")
                scheduler.run(stop)
            log.info("draining")
        merge_last(merge)
    log.info("stopped")
    return 0


def append_dsn(dsn: str, settings: Settings) -> str:
    """The DSN to append with: as `office_ingest` if that role's password is known."""
    password = settings.role_passwords.get("ingest")
    return login_as(dsn, "ingest", password) if password else dsn


@dataclass(frozen=True)
class Simulated:
    """The office that this process simulates: the next id of each stream, and its number if any."""

    first_ids: Mapping[str, int]
    office: int | None


def simulated_next(cursor: Cursor, number: int | None) -> Simulated:
    """Reads the next ids of the simulated office, which no event has carried yet."""
    office = number_of_own_events(cursor, number)
    keys = keys_of(cursor, office)
    return Simulated({stream: next_id(cursor, stream, keys) for stream in SIMULATED}, office)


def receiving(
    settings: Settings,
    dsn: str,
    simulated: Simulated,
    monitor: IngestorMonitor,
    wakes: Mapping[str, Callable[[], None]],
) -> ExitStack:
    """Starts the subscribers and, without a transport to others, the publisher.

    Leaving the context drains.

    Args:
        settings: the settings.
        dsn: the database to append to.
        simulated: the simulated office.
        monitor: watches what is received.
        wakes: for each stream, what to call when something was appended.
    """
    running = ExitStack()
    channels = {stream: Channel() for stream in STREAMS}
    sources = outer_sources(settings, monitor, running)
    for stream, source in (sources or channels).items():
        staging = Database(dsn, name=f"ingestor {stream}", statement_seconds=APPEND_SECONDS)
        running.callback(staging.close)
        monitor.metrics.watch_link(staging)
        callback = monitor.metrics.counting(
            stream, on_arrival(staging, stream, on_appended=wakes[stream])
        )
        subscriber = monitor.subscribers[stream] = Subscriber(
            source, callback, name=stream, at_most=EVENTS_PER_COMMIT
        )
        subscriber.start()
        running.callback(drain, subscriber, stream)
    if not sources:
        publish_into(channels, settings, simulated, running)
    return running


def outer_sources(
    settings: Settings, monitor: IngestorMonitor, running: ExitStack
) -> dict[str, Source]:
    """The streams that others publish, through pipes or a broker; empty if neither is set.

    Raises:
        OfficeError: the transport cannot be used.
    """
    with saying("Nothing is received"):
        transport = open_transport(settings, "ingestor")
        if transport is None:
            return {}
        running.callback(transport.close)
        monitor.watch_transport(transport)
        return {stream: transport.source(stream) for stream in STREAMS}


def publish_into(
    channels: Mapping[str, Channel],
    settings: Settings,
    simulated: Simulated,
    running: ExitStack,
) -> None:
    """Starts the simulated office within this process."""
    for channel in channels.values():
        running.callback(channel.close)
    publisher = Publisher(
        {stream: channels[stream] for stream in SIMULATED},
        every_seconds=settings.publish_seconds,
        duplicate_share=settings.duplicate_share,
        first_ids=simulated.first_ids,
        office=simulated.office,
    )
    publisher.start()
    running.callback(publisher.stop, PUBLISHER_STOP_SECONDS)


def on_arrival(
    database: Database, stream: str, *, on_appended: Callable[[], object] = lambda: None
) -> Callable[[Sequence[bytes]], None]:
    """The callback of a stream: appends the payloads, and returns when they are committed."""

    def callback(payloads: Sequence[bytes]) -> None:
        with database.single_statement() as cursor:
            append(cursor, stream, payloads)
        on_appended()

    return callback


def drain(subscriber: Subscriber, stream: str) -> None:
    """Stages the events that were received; those that take too long stay unacknowledged."""
    if not subscriber.stop(DRAIN_SECONDS / len(STREAMS)):
        log.warning("stopped with unacknowledged events", extra={"stream": stream})


class StreamMerge:
    """The merge of a stream over its own connection, which one thread at a time has."""

    def __init__(self, dsn: str, stream: str, settings: Settings, monitor: IngestorMonitor) -> None:
        self.database = Database(dsn, name=f"ingestor merge {stream}")
        self._stream = stream
        self._settings = settings
        self._metrics = monitor.metrics
        self._last = monitor.merges[stream]
        self._turn = threading.Lock()

    def __call__(self, *, sweep: Look | None = None) -> None:
        """Merges until nothing is pending."""
        with self._turn, self._metrics.counting_failures():
            batches = merge_stream(
                self.database,
                self._stream,
                batch_size=self._settings.batch_size,
                sweep=sweep,
                statement_seconds=self._settings.merge_statement_seconds,
            )
            for batch in batches:
                self._metrics.batch_merged(batch)
                self._last.is_now()
            self._last.is_now()


@contextmanager
def merging(
    dsn: str, settings: Settings, monitor: IngestorMonitor
) -> Iterator[dict[str, StreamMerge]]:
    """The merge of each stream."""
    with ExitStack() as links:
        merges = {stream: StreamMerge(dsn, stream, settings, monitor) for stream in STREAMS}
        for merge in merges.values():
            links.callback(merge.database.close)
            monitor.metrics.watch_link(merge.database)
        yield merges


def merge_together(merges: Sequence[StreamMerge], *, sweep: Look) -> None:
    """Merges all streams at the same time until nothing is pending."""
    with ThreadPoolExecutor(len(merges), thread_name_prefix="sweep") as threads:
        for done in [threads.submit(merge, sweep=sweep) for merge in merges]:
            done.result()


def followers_of(merges: Mapping[str, StreamMerge], settings: Settings) -> dict[str, Follower]:
    """Of each stream: what merges it soon after something was appended.

    What other processes append is merged after the longest wait at the latest.
    """
    return {
        stream: Follower(merge, name=f"merge {stream}", longest_seconds=settings.merge_seconds)
        for stream, merge in merges.items()
    }


@contextmanager
def following(followers: Collection[Follower]) -> Iterator[None]:
    """Lets followers run; in the end, waits for the calls that are under way."""
    for follower in followers:
        follower.start()
    try:
        yield
    finally:
        for follower in followers:
            follower.stop()
        for follower in followers:
            follower.join()


def make_ahead(dsn: str) -> None:
    """Makes the partitions of the next days, over a connection of that moment."""
    with closing(Database(dsn, name="ingestor partitions")) as database:
        make_partitions(database)


def merge_last(merge: Callable[..., None]) -> None:
    """Merges the rows that the drain staged. If the database is away, they stay pending."""
    try:
        merge(sweep=Look.RECENT)
    except PASSING_ERRORS as error:
        log.warning("stopped with pending raw rows", extra={"error": describe(error)})


if __name__ == "__main__":
    exit_on_office_error(main)
