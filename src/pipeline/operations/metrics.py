"""The metrics of a process, for Prometheus. Labels come from closed lists, never from data.

A process counts its own work. The present state is read from the database at each scrape, by a
statement whose cost does not grow with history.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any, Final, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.core.contract import FATES, REASONS
from pipeline.core.database import Database
from pipeline.core.statements import Cursor, fetch_all, fetch_one
from pipeline.core.streams import STREAMS
from pipeline.merge.merge import Batch
from pipeline.operations.question import NoAnswerError, Question
from pipeline.operations.trouble import Kind

if TYPE_CHECKING:  # importing it takes seconds, and the ingestor does not need it
    from pipeline.quality.cycle import CycleResult

VERDICTS: Final = ("published", "partly_blocked", "blocked", "nothing_due")
SUITES: Final = ("staging", "habit", *STREAMS, "revenue")
SEVERITIES: Final = ("critical", "warning", "info")
RESULTS: Final = ("taken", "failed")

BATCH_SECONDS: Final = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
RUN_SECONDS: Final = (0.3, 1, 3, 10, 30, 100, 300)

# Nobody uses the time at which each series began, and it doubles the size of the answer.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Pipe(Protocol):
    """The pipe of a stream, as far as metrics report it."""

    @property
    def trouble(self) -> str | None:
        """What is wrong with it; None if somebody writes to it."""

    @property
    def broken_frames(self) -> int:
        """The number of its frames that were cut off or had an absurd length."""


class Metrics:
    """The metrics of every process: merged rows, failed jobs and reconnects."""

    def __init__(self, job: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._links = _Links()
        self.registry.register(self._links)
        self._failures = self._counter(
            "office_job_failures",
            "How often the process's job ended with an error; it runs again when next due.",
            {"job": (job,)},
        ).labels(job)
        self._outcomes = self._counter(
            "office_outcomes",
            "Raw rows that this process merged, by their fate.",
            {"stream": STREAMS, "fate": FATES},
        )
        self._rejections = self._counter(
            "office_rejections",
            "Raw rows that this process rejected, by the first rule of the contract they break.",
            {"stream": STREAMS, "reason": tuple(REASONS)},
        )
        self._swept = self._counter(
            "office_swept_rows",
            "Raw rows in batches that a sweep found, some of them behind the cursor.",
            {"stream": STREAMS},
        )
        self._batch_seconds = Histogram(
            "office_merge_batch_duration_seconds",
            "The duration of batches in which something was merged.",
            ["stream"],
            buckets=BATCH_SECONDS,
            registry=self.registry,
        )
        for stream in STREAMS:
            self._batch_seconds.labels(stream)
        self._notices = self._counter(
            "office_notices",
            "Messages about troubles that this process sent, by kind, and whether they were taken.",
            {"kind": Kind, "result": RESULTS},
        )

    def batch_merged(self, batch: Batch) -> None:
        """Counts a batch of the merge."""
        self._batch_seconds.labels(batch.stream).observe(batch.seconds)
        for fate in FATES:
            self._outcomes.labels(batch.stream, fate).inc(getattr(batch, fate))
        for reason, rows in batch.reasons.items():
            self._rejections.labels(batch.stream, reason).inc(rows)
        if batch.found_by_sweep:
            self._swept.labels(batch.stream).inc(batch.rows)

    def told(self, kind: Kind, is_taken: bool) -> None:
        """Counts a message to a receiver."""
        self._notices.labels(kind, "taken" if is_taken else "failed").inc()

    def counting_failures(self) -> AbstractContextManager[None]:
        """A context for the process's job: counts it if it ends with an error."""
        return self._failures.count_exceptions()

    def watch_link(self, database: Database) -> None:
        """Reports from now on how often this database connection was opened again."""
        self._links.databases.append(database)

    def watch_state(
        self, state: Question[Any], families: Callable[[Any], Iterator[Metric]]
    ) -> None:
        """Reads the present state at each scrape, and reports it as metrics."""
        self.registry.register(_State(state, families))

    def _counter(
        self, name: str, documentation: str, labels: Mapping[str, Iterable[str]]
    ) -> Counter:
        """A counter that starts at 0 for all its labels, so that the first event is an increase."""
        counter = Counter(name, documentation, list(labels), registry=self.registry)
        for values in product(*labels.values()):
            counter.labels(*values)
        return counter


class IngestorMetrics(Metrics):
    """The metrics of the ingestor: also events that arrived and were staged."""

    def __init__(self) -> None:
        super().__init__("merge")
        by_stream = {"stream": STREAMS}
        self._received = self._counter(
            "office_events_received",
            "Events that arrived; each delivery counts.",
            by_stream,
        )
        self._appended = self._counter(
            "office_events_appended", "Events that were staged, and acknowledged.", by_stream
        )
        self._append_failures = self._counter(
            "office_append_failures",
            "Events whose append failed, or whose result was unknown; they were delivered again.",
            by_stream,
        )

    def watch_pipes(self, pipes: Mapping[str, Pipe]) -> None:
        """Reports from now on the pipes of the streams, also of those that are added later."""
        self.registry.register(_Pipes(pipes))

    def counting(
        self, stream: str, callback: Callable[[Sequence[bytes]], None]
    ) -> Callable[[Sequence[bytes]], None]:
        """Wraps the callback of a stream, and counts events received, appended and failed."""
        received, appended = self._received.labels(stream), self._appended.labels(stream)
        failures = self._append_failures.labels(stream)

        def counted(payloads: Sequence[bytes]) -> None:
            received.inc(len(payloads))
            try:
                callback(payloads)
            except BaseException:
                failures.inc(len(payloads))
                raise
            appended.inc(len(payloads))

        return counted


class AnalyticsMetrics(Metrics):
    """The metrics of analytics: also its runs and their checks."""

    def __init__(self) -> None:
        super().__init__("analytics")
        self._runs = self._counter(
            "office_analytics_runs",
            "Analytics runs that ended, by their verdict.",
            {"verdict": VERDICTS},
        )
        self._run_seconds = Histogram(
            "office_analytics_run_duration_seconds",
            "The duration of analytics runs, up to their verdict.",
            buckets=RUN_SECONDS,
            registry=self.registry,
        )
        self._check_failures = self._counter(
            "office_check_failures",
            "Checks that failed or errored, counted once per run, by suite and severity.",
            {"suite": SUITES, "severity": SEVERITIES, "status": ("failed", "errored")},
        )
        self._unbalanced = Gauge(
            "office_unbalanced_rows",
            "Raw rows received in the last 24 hours before the last run, minus those accounted "
            "for. If it is not 0, rows are lost or count twice.",
            ["stream"],
            registry=self.registry,
        )
        self.reconciled([])

    def run_ended(self, result: "CycleResult") -> None:
        """Counts an analytics run."""
        self._runs.labels(result.verdict).inc()
        self._run_seconds.observe(result.seconds)
        for check in result.failures:
            self._check_failures.labels(check.suite, check.severity, check.status).inc()

    def reconciled(self, unbalanced: Iterable[Any]) -> None:
        """Reports the streams for which the reconciliation failed."""
        rows = {row.stream: row.received - row.accounted_for for row in unbalanced}
        for stream in STREAMS:
            self._unbalanced.labels(stream).set(rows.get(stream, 0))


def read_streams(cursor: Cursor) -> list[Any]:
    """Reads the state of the streams."""
    return fetch_all(cursor, "operations/metrics/streams")


def read_windows(cursor: Cursor) -> Any:  # noqa: ANN401  (a row)
    """Reads the state of publication."""
    return fetch_one(cursor, "operations/metrics/windows")


def lag_seconds(stream: Any) -> float:  # noqa: ANN401
    """How long the oldest pending raw row of a stream has waited, in seconds."""
    return _seconds_since(stream.pending_since, stream.now)


def stream_families(streams: list[Any]) -> Iterator[Metric]:
    """The state of the streams, as metrics."""
    rows = GaugeMetricFamily(
        "office_raw_rows",
        "All raw rows by fate, whichever process merged them; pending: at most 100,000.",
        labels=["stream", "fate"],
    )
    lag = GaugeMetricFamily(
        "office_lag_seconds", "How long the oldest pending raw row has waited.", labels=["stream"]
    )
    for stream in streams:
        for fate in (*FATES, "pending"):
            rows.add_metric([stream.stream, fate], getattr(stream, fate))
        lag.add_metric([stream.stream], lag_seconds(stream))
    age = max((_seconds_since(each.transaction_begun_at, each.now) for each in streams), default=0)
    oldest = GaugeMetricFamily(
        "office_oldest_transaction_seconds",
        "How long the oldest transaction of the server has been open, in any of its databases.",
        value=age,
    )
    yield from (rows, lag, oldest)


def window_families(windows: Any) -> Iterator[Metric]:  # noqa: ANN401
    """The state of publication, as metrics."""
    yield GaugeMetricFamily(
        "office_due_windows", "Closed windows that wait to be published.", value=windows.due
    )
    yield GaugeMetricFamily(
        "office_held_back_windows", "Of these, held back by a check.", value=windows.held_back
    )
    yield GaugeMetricFamily(
        "office_window_delay_seconds",
        "How long a closed window that no check holds back has waited to be published.",
        value=_seconds_since(windows.due_since, windows.now),
    )
    for name, documentation, moment in (
        (
            "office_published_until",
            "The end of the newest published window",
            windows.published_until,
        ),
        ("office_last_run_ended", "When the last analytics run ended", windows.run_ended_at),
    ):
        if moment is not None:
            yield GaugeMetricFamily(
                f"{name}_timestamp_seconds",
                f"{documentation}, in seconds since 1970.",
                value=moment.timestamp(),
            )


def _seconds_since(moment: datetime | None, now: datetime) -> float:
    return (now - moment).total_seconds() if moment else 0.0


class _State(Collector):
    """Reports whether the database answers and, if it does, the present state."""

    def __init__(self, state: Question[Any], families: Callable[[Any], Iterator[Metric]]) -> None:
        self._state = state
        self._families = families

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "office_database_up", "Whether the database answered the scrape in time."
        )
        try:
            families = list(self._families(self._state.ask()))
        except NoAnswerError:
            families = []
        up.add_metric([], bool(families))
        yield from (up, *families)


class _Links(Collector):
    def __init__(self) -> None:
        self.databases: list[Database] = []

    def collect(self) -> Iterator[Metric]:
        reconnects = CounterMetricFamily(
            "office_database_reconnects",
            "How often a database connection was opened again after it was lost.",
            labels=["connection"],
        )
        for database in self.databases:
            reconnects.add_metric([database.name], database.reconnects)
        yield reconnects


class _Pipes(Collector):
    def __init__(self, pipes: Mapping[str, Pipe]) -> None:
        self._pipes = pipes

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "office_pipe_up", "Whether somebody writes to the stream's pipe.", labels=["stream"]
        )
        broken = CounterMetricFamily(
            "office_broken_frames",
            "Frames that were cut off or had an absurd length.",
            labels=["stream"],
        )
        for stream, pipe in list(self._pipes.items()):
            up.add_metric([stream], pipe.trouble is None)
            broken.add_metric([stream], pipe.broken_frames)
        yield from (up, broken)
