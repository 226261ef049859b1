"""/metrics and /healthz of the real processes, compared with the tables behind them."""

import re
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest

from e2e.lines import CLAIMS, DIAGNOSES, claim, diagnose, file_of
from e2e.processes import Office, Running, wait_until
from e2e.queries import execute, fetch, received
from scrape import counts, get, health, scrape

BATCHES = "SELECT stream, count(*) FROM staging.merge_run GROUP BY 1"
STAGED = "SELECT stream, count(*) FROM staging.event GROUP BY 1"
OUTCOMES = "SELECT stream, fate, count(*) FROM staging.outcome GROUP BY 1, 2"
REJECTIONS = "SELECT stream, reason, count(*) FROM staging.outcome WHERE reason > '' GROUP BY 1, 2"
RUNS = """
    SELECT verdict, count(*) FROM analytics.quality_run
    WHERE finished_at IS NOT NULL GROUP BY 1
"""
FAILURES = """
    SELECT suite, severity, status, count(DISTINCT (quality_run_id, check_name))
    FROM analytics.quality_check WHERE status <> 'passed' GROUP BY 1, 2, 3
"""


def start_ingestor(office: Office, **variables: str) -> Running:
    settings = {"OFFICE_PUBLISH_SECONDS": "0.02", "OFFICE_MERGE_SECONDS": "0.3"}
    return office.start(
        program="ingestor", **settings | {"OFFICE_DUPLICATE_SHARE": "0.5"} | variables
    )


def is_served(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def nothing_appended(url: str) -> Iterator[None]:
    """What arrives meanwhile has to wait; what is there can be read and merged."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE staging.event IN EXCLUSIVE MODE")
        yield


def load(office: Office) -> None:
    """Events of every fate, and rejected for every reason, beside those of the publisher."""
    for stream, lines in (("claim", CLAIMS), ("diagnose", DIAGNOSES)):
        payloads = file_of(line.payload for line in lines)
        assert office.command("load", "-", "--stream", stream, given=payloads).code == 0


def test_the_ingestor_counts_what_the_tables_hold(office: Office, database_url: str) -> None:
    url = database_url
    ingestor = start_ingestor(office)
    ingestor.wait_until(lambda: received(url) > 100)
    port = office.metrics_port
    assert health(port) == (200, [])
    with nothing_appended(url):
        appended_alone = counts(fetch(url, STAGED))
        wait_until(
            lambda: scrape(port).by("office_events_appended_total", "stream") == appended_alone
        )
        wait_until(
            lambda: scrape(port).by("office_raw_rows", "stream", "fate")["claim", "pending"] == 0
        )
    load(office)
    with nothing_appended(url):
        staged = counts(fetch(url, STAGED))
        wait_until(lambda: sum(counts(fetch(url, OUTCOMES)).values()) == sum(staged.values()))
        wait_until(
            lambda: (
                scrape(port).some("office_outcomes_total", "stream", "fate")
                == counts(fetch(url, OUTCOMES))
            )
        )
        said = scrape(port)
        assert said.value("office_database_up") == 1
        assert said.some("office_rejections_total", "stream", "reason") == counts(
            fetch(url, REJECTIONS)
        )
        assert said.by("office_merge_batch_duration_seconds_count", "stream") == counts(
            fetch(url, BATCHES)
        )
        rows = said.by("office_raw_rows", "stream", "fate")
        assert {key: value for key, value in rows.items() if value} == counts(fetch(url, OUTCOMES))
        loaded: dict[tuple[str, ...], int] = {
            ("claim",): len(CLAIMS),
            ("diagnose",): len(DIAGNOSES),
        }
        appended = said.by("office_events_appended_total", "stream")
        assert appended == {stream: staged[stream] - loaded[stream] for stream in staged}
        waiting = said.by("office_events_received_total", "stream")
        assert all(0 <= waiting[stream] - appended[stream] <= 1 for stream in appended)
    assert {stream for stream, _ in counts(fetch(url, OUTCOMES))} == {"claim", "diagnose"}
    ended = ingestor.stop(signal.SIGTERM)
    assert ended.code == 0, ended.err
    assert not is_served(port)


def test_while_the_database_is_away_the_ingestor_says_so_and_goes_on_counting(
    embedded_office: Office,
) -> None:
    office = embedded_office
    url = office.command("db").out.strip()
    ingestor = start_ingestor(
        office, DATABASE_URL=url, OFFICE_METRICS_PORT=str(office.metrics_port)
    )
    ingestor.wait_until(lambda: "event=receiving" in ingestor.err and received(url) > 20)
    port = office.metrics_port
    wait_until(lambda: health(port) == (200, []))
    before = scrape(port)

    assert office.command("db", "--stop").code == 0
    said, (status, reasons) = scrape(port), health(port)
    assert said.value("office_database_up") == 0
    assert said.by("office_raw_rows", "stream", "fate") == {}
    appended = said.by("office_events_appended_total", "stream")
    assert all(
        appended[key] >= value
        for key, value in before.by("office_events_appended_total", "stream").items()
    )
    assert status == 503
    assert any(reason.startswith("the database does not answer: ") for reason in reasons)
    wait_until(lambda: scrape(port).some("office_append_failures_total", "stream"))
    wait_until(lambda: scrape(port).some("office_job_failures_total", "job"))

    assert office.command("db").out.strip() == url
    wait_until(lambda: health(port) == (200, []))
    wait_until(
        lambda: len(scrape(port).some("office_database_reconnects_total", "connection")) == 4
    )
    assert scrape(port).value("office_database_up") == 1
    assert 'event="database link opened again" connection="ingestor claim"' in ingestor.err
    assert ingestor.stop(signal.SIGTERM).code == 0


def test_before_there_is_a_database_the_ingestor_answers_that_it_does_not_yet(
    office: Office,
) -> None:
    nowhere = "postgresql://somebody:open-sesame@127.0.0.1:1/doctor_office"
    ingestor = start_ingestor(office, DATABASE_URL=nowhere)
    ingestor.wait_until(lambda: is_served(office.metrics_port))
    said, (status, reasons) = scrape(office.metrics_port), health(office.metrics_port)
    assert said.value("office_database_up") == 0
    assert status == 503
    assert "nothing is received yet" in reasons
    assert "no merge of claim has succeeded yet" in reasons
    assert not any("open-sesame" in reason for reason in reasons)


def test_an_ingestor_whose_rows_wait_for_too_long_is_not_well(
    office: Office, database_url: str
) -> None:
    ingestor = start_ingestor(office)
    ingestor.wait_until(lambda: received(database_url) > 20)
    wait_until(lambda: health(office.metrics_port) == (200, []))
    # Somebody holds what the merge needs.
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT stream FROM staging.merge_cursor FOR UPDATE")
        execute(
            database_url,
            "INSERT INTO staging.event (stream, payload, received_at)"
            " VALUES ('claim', '{}', now() - interval '2 min')",
        )
        status, [reason] = health(office.metrics_port)
        assert status == 503
        assert re.match("the oldest pending claim has waited for 12[0-9] s, which is more", reason)
    wait_until(lambda: health(office.metrics_port) == (200, []))


def test_analytics_counts_what_the_tables_hold(office: Office, database_url: str) -> None:
    url, port = database_url, office.metrics_port + 1
    office.command("load", "-", "--stream", "diagnose", given=file_of([diagnose(1, 1, "R41.3")]))
    payloads = [claim(n, 1, 20_000, tsp="2020-05-04T12:00:00Z") for n in range(5)]
    office.command("load", "-", "--stream", "claim", given=file_of([*payloads, b"no JSON"]))
    analytics = office.start(program="analytics", OFFICE_ANALYTICS_SECONDS="2")
    analytics.wait_until(lambda: ("nothing_due",) in counts(fetch(url, RUNS)))
    wait_until(
        lambda: (
            scrape(port).some("office_analytics_runs_total", "verdict") == counts(fetch(url, RUNS))
        )
    )
    wait_until(lambda: health(port) == (200, []))
    said = scrape(port)
    failures = counts(fetch(url, FAILURES))
    assert failures
    assert said.some("office_check_failures_total", "suite", "severity", "status") == failures
    assert said.some("office_outcomes_total", "stream", "fate") == counts(fetch(url, OUTCOMES))
    assert said.by("office_unbalanced_rows", "stream") == {("claim",): 0, ("diagnose",): 0}
    assert (said.value("office_due_windows"), said.value("office_held_back_windows")) == (0, 0)
    [(until,)] = fetch(
        url,
        "SELECT extract(epoch FROM max(window_start)) + 600 FROM analytics.revenue_by_diagnosis",
    )
    assert said.value("office_published_until_timestamp_seconds") == float(until)
    [(ended,)] = fetch(
        url, "SELECT extract(epoch FROM max(finished_at)) FROM analytics.quality_run"
    )
    assert abs(said.value("office_last_run_ended_timestamp_seconds") - float(ended)) <= 10
    assert analytics.stop(signal.SIGTERM).code == 0
    assert_tells_its_runs(analytics.err)


def assert_tells_its_runs(log: str) -> None:
    assert re.search(r"level=info logger=analytics event=started schema=\d+_\w+\n", log)
    assert re.search(
        r'level=warning logger=analytics event="check failed" run_id=1 suite=claim '
        r'check_name="No single price is above 10,000." severity=warning status=failed ',
        log,
    )
    assert re.search(
        r'event="analytics run ended" run_id=1 verdict=published published=1 blocked=0 seconds=\d',
        log,
    )
    assert log.rstrip().endswith("event=stopped")


def test_analytics_says_that_the_database_is_away(embedded_office: Office) -> None:
    office = embedded_office
    url, port = office.command("db").out.strip(), office.metrics_port + 1
    analytics = office.start(program="analytics", DATABASE_URL=url)
    analytics.wait_until(lambda: is_served(port))
    wait_until(lambda: health(port) == (200, []))
    assert office.command("db", "--stop").code == 0
    said, (status, reasons) = scrape(port), health(port)
    assert said.value("office_database_up") == 0
    assert said.by("office_due_windows") == {}
    assert sum(said.by("office_analytics_runs_total", "verdict").values()) == 1
    assert status == 503
    assert len(reasons) == 1
    assert office.command("db").out.strip() == url
    wait_until(lambda: health(port) == (200, []))
    assert analytics.stop(signal.SIGTERM).code == 0


def test_a_run_that_breaks_is_missed(office: Office, database_url: str) -> None:
    """Where no run ends well it is told at once, and not only after two cycles."""
    execute(database_url, "ALTER TABLE analytics.quality_run ADD CHECK (merged_from < 0) NOT VALID")
    analytics = office.start(program="analytics")
    port = office.metrics_port + 1
    analytics.wait_until(lambda: is_served(port))
    wait_until(lambda: scrape(port).by("office_job_failures_total", "job") == {("analytics",): 1})
    assert health(port) == (503, ["no analytics run has succeeded yet"])
    assert 'event="job failed" job=analytics error=CheckViolation' in analytics.err


def test_a_second_office_s_ports_are_others(office: Office, database_url: str) -> None:
    first = start_ingestor(office)
    first.wait_until(lambda: is_served(office.metrics_port))
    second = start_ingestor(office)
    second.wait_until(lambda: "event=receiving" in second.err)
    [port] = re.findall(rf"port=(\d+) taken={office.metrics_port}\n", second.err)
    wait_until(lambda: health(int(port)) == (200, []))
    assert received(database_url) > 0
    assert health(office.metrics_port) == (200, [])
    for ingestor in (first, second):
        assert ingestor.stop(signal.SIGTERM).code == 0


@pytest.mark.parametrize("value", ["-1", "65535", "http"])
def test_a_port_that_is_none_is_named(office: Office, value: str) -> None:
    ended = start_ingestor(office, OFFICE_METRICS_PORT=value).result()
    assert ended.code == 2
    assert "OFFICE_METRICS_PORT" in ended.err


def test_the_ingestor_tells_what_matters(office: Office, database_url: str) -> None:
    ingestor = start_ingestor(office)
    ingestor.wait_until(lambda: received(database_url) > 50)
    assert get(office.metrics_port, "/")[0] == 404
    ended = ingestor.stop(signal.SIGTERM)
    lines = ended.err.splitlines()
    events = [re.findall(r'event=("[^"]*"|\S+)', line)[0].strip('"') for line in lines]
    assert events[:2] == ["started", "metrics are served"]
    assert events[-1] == "stopped"
    assert events.index("receiving") < events.index("draining")
    told = {
        (stream, int(run)): tuple(map(int, fates))
        for stream, run, *fates in re.findall(
            r'event="batch merged" stream=(\w+) run_id=(\d+) merged=(\d+) duplicate=(\d+)'
            r" conflict=(\d+) rejected=(\d+) dirtied_windows=\d+ seconds=\d+\.\d+\n",
            ended.err,
        )
    }
    batches = fetch(
        database_url,
        "SELECT stream, run_id, merged, duplicate, conflict, rejected FROM staging.merge_run",
    )
    assert told == {(stream, run): tuple(fates) for stream, run, *fates in batches}
