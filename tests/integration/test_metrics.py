"""What the processes count is what the tables hold."""

import logging
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from prometheus_client import Metric

from e2e.lines import CLAIMS, DIAGNOSES
from ingestor import on_arrival
from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    pass_over,
    rows,
    stage,
    stage_and_merge,
)
from integration.suites import Suite, copy_suites
from integration.test_cycle import LATER, NOON, WINDOW, Office, demand_the_impossible
from pipeline.audit.verify import find_unbalanced
from pipeline.core.contract import FATES, REASONS
from pipeline.core.database import Database
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.core.streams import STREAMS
from pipeline.merge.merge import merge_pending
from pipeline.operations.metrics import (
    RESULTS,
    SEVERITIES,
    SUITES,
    VERDICTS,
    AnalyticsMetrics,
    IngestorMetrics,
    Metrics,
    read_streams,
    read_windows,
    stream_families,
    window_families,
)
from pipeline.operations.question import Question
from pipeline.operations.trouble import Kind
from pipeline.quality.checks import RUN_SUITES, WINDOW_SUITES
from pipeline.staging.append import append
from scrape import Scrape, counts, read_registry
from utils.pipes import PipeSource

pytestmark = [
    # Great Expectations and its own dependencies, not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return Office(database, copy_suites(tmp_path / "suites"), tmp_path / "reports")


def query(database: Database, text: str) -> dict[tuple[str, ...], float]:
    return counts(rows(database, text))


def merge(database: Database, metrics: Metrics) -> None:
    for batch in merge_pending(database, batch_size=10):
        metrics.batch_merged(batch)


# --- merging ---


def test_outcomes_and_rejections_are_those_of_the_tables(database: Database) -> None:
    metrics = IngestorMetrics()
    for _ in range(2):
        for stream, lines in (("claim", CLAIMS), ("diagnose", DIAGNOSES)):
            for line in lines:
                stage(database, stream, line.payload)
        merge(database, metrics)
    said = read_registry(metrics.registry)
    outcomes = query(database, "SELECT stream, fate, count(*) FROM staging.outcome GROUP BY 1, 2")
    assert {fate for _, fate in outcomes} == set(FATES)
    assert said.some("office_outcomes_total", "stream", "fate") == outcomes
    rejections = query(
        database,
        "SELECT stream, reason, count(*) FROM staging.outcome WHERE reason > '' GROUP BY 1, 2",
    )
    assert len(rejections) > 10
    assert said.some("office_rejections_total", "stream", "reason") == rejections
    batches = query(database, "SELECT stream, count(*) FROM staging.merge_run GROUP BY 1")
    assert said.by("office_merge_batch_duration_seconds_count", "stream") == batches
    assert all(said.by("office_merge_batch_duration_seconds_sum", "stream").values())


def test_what_the_cursor_passed_is_counted_when_a_sweep_finds_it(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = IngestorMetrics()
    stage(database, "claim", claim(1), claim(2), claim(2))
    pass_over(database)
    stage(database, "diagnose", diagnose(1))
    merge(database, metrics)
    said = read_registry(metrics.registry)
    assert said.by("office_swept_rows_total", "stream") == {("claim",): 3, ("diagnose",): 0}
    assert said.some("office_outcomes_total", "stream", "fate") == {
        ("claim", "merged"): 2,
        ("claim", "duplicate"): 1,
        ("diagnose", "merged"): 1,
    }
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "the cursor had passed" in warning.getMessage()
    assert vars(warning)["rows"] == 3


def test_a_sweep_that_finds_what_has_just_come_has_found_nothing_lost(database: Database) -> None:
    metrics = IngestorMetrics()
    stage_and_merge(database, "claim", claim(1))
    other = Database(database.dsn)
    with other.transaction() as cursor:
        append(cursor, "claim", [claim(2)])
        stage_and_merge(database, "claim", claim(3))
    merge(database, metrics)
    other.close()
    said = read_registry(metrics.registry)
    assert said.some("office_outcomes_total", "stream", "fate") == {("claim", "merged"): 1}
    assert said.some("office_swept_rows_total", "stream") == {}


def test_a_merge_that_fails_is_counted(database: Database) -> None:
    metrics = IngestorMetrics()
    stage(database, "claim", claim(1))
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE claim RENAME price TO cost")
    with pytest.raises(psycopg2.errors.UndefinedColumn), metrics.counting_failures():
        merge(database, metrics)
    said = read_registry(metrics.registry)
    assert said.by("office_job_failures_total", "job") == {("merge",): 1}
    assert said.some("office_outcomes_total", "stream", "fate") == {}


def refuse(database: Database, table: str, condition: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT refused CHECK ({condition}) NOT VALID")


# --- arriving ---


def test_what_arrives_is_counted_and_so_is_what_was_not_staged(database: Database) -> None:
    metrics = IngestorMetrics()
    callback = metrics.counting("claim", on_arrival(database, "claim"))
    callback([claim(1)])
    refuse(database, "staging.event", "seq < 0")
    with pytest.raises(psycopg2.errors.CheckViolation):
        callback([claim(2)])
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE staging.event DROP CONSTRAINT refused")
    callback([claim(2)])
    said = read_registry(metrics.registry)
    assert said.some("office_events_received_total", "stream") == {("claim",): 3}
    assert said.some("office_append_failures_total", "stream") == {("claim",): 1}
    staged = query(database, "SELECT stream, count(*) FROM staging.event GROUP BY 1")
    assert said.some("office_events_appended_total", "stream") == staged == {("claim",): 2}


def test_a_link_that_was_opened_again_is_counted(database: Database) -> None:
    metrics = IngestorMetrics()
    linked = Database(database.dsn, name="ingestor merge")
    metrics.watch_link(linked)

    def reconnects() -> dict[tuple[str, ...], float]:
        return read_registry(metrics.registry).by("office_database_reconnects_total", "connection")

    assert reconnects() == {("ingestor merge",): 0}
    for times in (0, 1, 2):
        assert linked.run(lambda cursor: cursor.execute("SELECT 1")) is None
        assert reconnects() == {("ingestor merge",): times}
        rows(
            database,
            """
            SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE application_name = 'ingestor merge' AND datname = current_database()
            """,
        )
    linked.close()


# --- analytics ---


def test_runs_and_failing_checks_are_those_of_the_tables(office: Office) -> None:
    metrics = AnalyticsMetrics()

    def run() -> None:
        metrics.run_ended(office.run())

    def limit_price(suite: Suite) -> None:
        suite[0]["kwargs"]["max_value"] = 1000

    stage(office.database, "diagnose", diagnose(1, tsp=NOON))
    stage(office.database, "claim", claim(1, price=20_000, tsp=NOON))
    run()  # published, with a warning
    run()  # nothing due
    for number, price in enumerate([10, 5000, 6000, 30]):
        stage(office.database, "claim", claim(10 + number, price=price, tsp=NOON + number * WINDOW))
    good = (office.suites / "claim.json").read_text()
    office.edit_suite("claim", limit_price)
    run()  # three windows held back by one check
    (office.suites / "claim.json").write_text(good)
    office.edit_suite("revenue", misspell)
    run()  # blocked, by a check that nobody knows
    said = read_registry(metrics.registry)
    runs = query(office.database, "SELECT verdict, count(*) FROM analytics.quality_run GROUP BY 1")
    assert {verdict for (verdict,) in runs} == set(VERDICTS)
    assert said.by("office_analytics_runs_total", "verdict") == runs
    assert said.value("office_analytics_run_duration_seconds_count") == sum(runs.values())
    failures = query(
        office.database,
        """
        SELECT suite, severity, status, count(DISTINCT (quality_run_id, check_name))
        FROM analytics.quality_check WHERE status <> 'passed' GROUP BY 1, 2, 3
        """,
    )
    assert {key[1:] for key in failures} >= {
        ("critical", "failed"),
        ("warning", "failed"),
        ("critical", "errored"),
    }
    assert said.some("office_check_failures_total", "suite", "severity", "status") == failures


def misspell(suite: Suite) -> None:
    suite[0]["type"] = "expect_column_values_to_be_betwen"


def test_rows_that_are_not_accounted_for_are_said(database: Database) -> None:
    metrics = AnalyticsMetrics()
    a_day_ago = datetime.now(UTC) - timedelta(hours=24)

    def unbalanced() -> dict[tuple[str, ...], float]:
        metrics.reconciled(database.run(partial(find_unbalanced, since=a_day_ago), snapshot=True))
        return read_registry(metrics.registry).by("office_unbalanced_rows", "stream")

    stage(database, "appointment of Ada Castro", b"{}")
    stage_and_merge(database, "claim", *(claim(number) for number in range(5)))
    stage(database, "diagnose", diagnose(1))
    assert unbalanced() == {("claim",): 0, ("diagnose",): 0}
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM staging.event WHERE payload LIKE '%\"id\": 3,%'")
    assert unbalanced() == {("claim",): -1, ("diagnose",): 0}
    with database.transaction() as cursor:
        cursor.execute("UPDATE staging.outcome SET stream = 'Ada Castro' WHERE seq = 2")
    assert unbalanced().keys() == {("claim",), ("diagnose",)}


# --- how things stand ---


def said_of_streams(database: Database) -> Scrape:
    metrics = IngestorMetrics()
    metrics.watch_state(Question(database.dsn, read_streams, name="test"), stream_families)
    return read_registry(metrics.registry)


def said_of_windows(database: Database) -> Scrape:
    metrics = AnalyticsMetrics()
    metrics.watch_state(Question(database.dsn, read_windows, name="test"), window_families)
    return read_registry(metrics.registry)


def test_streams_stand_as_the_reconciliation_says(database: Database) -> None:
    for stream, lines in (("claim", CLAIMS), ("diagnose", DIAGNOSES)):
        stage(database, stream, *(line.payload for line in lines))
    merge(database, Metrics("merge"))
    assert set(said_of_streams(database).by("office_lag_seconds", "stream").values()) == {0}
    stage(database, "claim", claim(100), claim(101))
    with database.transaction() as cursor:
        cursor.execute(
            "UPDATE staging.event SET received_at = now() - interval '90 s' "
            "WHERE payload LIKE '%\"id\": 101,%'"
        )
    said = said_of_streams(database)
    assert said.value("office_database_up") == 1
    assert said.by("office_raw_rows", "stream", "fate") == query(
        database,
        """
        SELECT r.stream, f.fate, f.count
        FROM audit.reconciliation AS r, LATERAL (VALUES
            ('merged', merged), ('duplicate', duplicate), ('conflict', conflict),
            ('rejected', rejected), ('pending', pending)) AS f (fate, count)
        """,
    )
    assert said.by("office_raw_rows", "stream", "fate")["claim", "pending"] == 2
    lag = said.by("office_lag_seconds", "stream")
    assert 90 <= lag["claim",] < 100
    assert lag["diagnose",] == 0


def test_windows_stand_as_the_tables_say(office: Office) -> None:
    database = office.database
    said = said_of_windows(database)
    assert said.value("office_database_up") == 1
    assert said.value("office_due_windows") == said.value("office_window_delay_seconds") == 0
    assert said.by("office_published_until_timestamp_seconds") == {}
    assert said.by("office_last_run_ended_timestamp_seconds") == {}

    for number in range(3):
        stage_and_merge(database, "claim", claim(number, tsp=NOON + number * WINDOW))
    compute_and_publish(database, LATER)
    stage_and_merge(database, "claim", claim(10, tsp=NOON))
    office.edit_suite("claim", demand_the_impossible)
    assert office.run().blocked == [NOON]
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO analytics.dirty_window (window_start, marked_at)"
            "VALUES (%s, now() - interval '30 s')",
            (NOON + WINDOW,),
        )
    said = said_of_windows(database)
    assert (said.value("office_due_windows"), said.value("office_held_back_windows")) == (2, 1)
    assert 30 <= said.value("office_window_delay_seconds") < 40
    until = NOON + 2 * WINDOW + timedelta(minutes=10)
    assert said.value("office_published_until_timestamp_seconds") == until.timestamp()
    [(ended,)] = rows(database, "SELECT max(finished_at) FROM analytics.quality_run")
    assert said.value("office_last_run_ended_timestamp_seconds") == ended.timestamp()


def test_while_the_database_is_away_that_is_said_and_what_was_counted(database: Database) -> None:
    metrics = IngestorMetrics()
    nowhere = "postgresql://a:b@127.0.0.1:1/c"
    metrics.watch_state(Question(nowhere, read_streams, name="test"), stream_families)
    stage(database, "claim", claim(1))
    merge(database, metrics)
    said = read_registry(metrics.registry)
    assert said.value("office_database_up") == 0
    assert said.by("office_raw_rows", "stream", "fate") == {}
    assert said.some("office_outcomes_total", "stream", "fate") == {("claim", "merged"): 1}


# --- the conventions ---

LABELS: dict[str, set[str]] = {
    "stream": set(STREAMS),
    "fate": {*FATES, "pending"},
    "reason": set(REASONS),
    "suite": set(SUITES),
    "severity": set(SEVERITIES),
    "status": {"failed", "errored"},
    "verdict": set(VERDICTS),
    "job": {"merge", "analytics"},
    "connection": {"ingestor merge", "analytics"},
    "kind": set(Kind),
    "result": set(RESULTS),
}


def test_the_suites_are_those_that_are_checked() -> None:
    assert set(SUITES) == {*RUN_SUITES, *WINDOW_SUITES}


@pytest.fixture
def everything(office: Office, tmp_path: Path) -> list[Scrape]:
    """All that both processes can say, of data that is full of patients."""
    database = office.database
    for stream, lines in (("claim", CLAIMS), ("diagnose", DIAGNOSES)):
        stage(database, stream, *(line.payload for line in lines))
    stage(database, "Ada Castro", b"Ada Castro")
    ingestor, analytics = IngestorMetrics(), AnalyticsMetrics()
    for metrics, name in ((ingestor, "ingestor merge"), (analytics, "analytics")):
        metrics.watch_link(Database(database.dsn, name=name))
    merge(database, ingestor)
    compute_and_publish(database, LATER)
    analytics.run_ended(office.run())
    analytics.reconciled(database.run(partial(find_unbalanced, since=NOON), snapshot=True))
    streams: Question[Any] = Question(database.dsn, read_streams, name="test")
    ingestor.watch_state(streams, stream_families)
    windows: Question[Any] = Question(database.dsn, read_windows, name="test")
    analytics.watch_state(windows, window_families)
    pipe = PipeSource(tmp_path / "claim", "claim")
    ingestor.watch_pipes({"claim": pipe})
    pipe.close()
    return [read_registry(metrics.registry) for metrics in (ingestor, analytics)]


def test_labels_are_from_closed_lists(everything: list[Scrape]) -> None:
    samples = [s for said in everything for family in said.families for s in family.samples]
    labels = {pair for sample in samples for pair in sample.labels.items() if pair[0] != "le"}
    assert labels <= {(label, value) for label, values in LABELS.items() for value in values}
    assert {label for label, _ in labels} == set(LABELS)
    assert len(samples) < 300


def test_names_and_units_keep_the_conventions(everything: list[Scrape]) -> None:
    for family in (family for said in everything for family in said.families):
        assert family.documentation.endswith("."), family.name
        assert re.match("(office|process)_[a-z_]+$", family.name)
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name
            assert not re.search("_(ms|millis|minutes|kb|percent)", sample.name)


def test_what_is_told_apart_begins_with_0_so_that_the_first_is_an_increase() -> None:
    said = read_registry(AnalyticsMetrics().registry)
    failures = said.by("office_check_failures_total", "suite", "severity", "status")
    assert len(failures) == len(SUITES) * len(SEVERITIES) * 2
    assert set(failures.values()) == {0}
    rejections = said.by("office_rejections_total", "stream", "reason")
    assert len(rejections) == len(STREAMS) * len(REASONS)


def test_the_documentation_names_each_metric_with_its_labels(everything: list[Scrape]) -> None:
    text = (PROJECT_FOLDER / "docs" / "metrics.md").read_text()
    table = re.findall(r"^\| `(office_\w+)` \| (\w+) \|([a-z, ]*)\|", text, re.MULTILINE)
    documented = {
        (process, name, *sorted(labels.replace(",", " ").split()))
        for name, of, labels in table
        for process in (("ingestor", "analytics") if of == "both" else (of,))
    }
    said = {
        (process, name_of(family), *labels_of(family))
        for process, scraped in zip(("ingestor", "analytics"), everything, strict=True)
        for family in scraped.families
        if family.name.startswith("office_")
    }
    assert documented == said
    names = {name for name, *_ in table}
    assert set(re.findall(r"office_\w+", text)) == names


def name_of(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels_of(family: Metric) -> list[str]:
    return sorted({label for sample in family.samples for label in sample.labels} - {"le"})
