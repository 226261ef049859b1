"""Canaries in all that is a patient's are found where they belong, and nowhere else.

They are planted in names, payloads, codes, diagnoses and prices; then commands do their work, fail
and are broken off, and everything that was written meanwhile is searched.
"""

import json
import logging
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml

from e2e.lines import claim, diagnose, event, file_of
from e2e.processes import Office, Result, wait_until
from e2e.queries import execute, fetch
from ingestor import on_arrival
from integration.receivers import mail_receiver, web_receiver
from models.subscriber import Subscriber
from pipeline.core.database import Database
from pipeline.core.logs import LogfmtFormatter
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.operations.embedded import LOCKS_PER_TRANSACTION, SETTINGS
from scrape import get, scrape
from utils.pipeline_utils import Channel

CANARY = "Canary"
ICD10_CODE = "Q90.C9RY"
PRICE = 8675309.17
CANARIES = [CANARY.encode().lower(), ICD10_CODE.encode().lower(), b"8675309"]

TIME = "2020-05-04T12:00:00Z"
REJECTED = 8
CLAIMS = [
    event(id=1, patient_id=1, code=f"{CANARY}-1", price=PRICE, tsp=TIME),
    event(id=1, patient_id=1, code=f"{CANARY}-1", price=PRICE + 1),
    event(id=1, patient_id=1, code=f"{CANARY}-2", price=PRICE),
    claim(2, 1, PRICE, note=CANARY, tsp=TIME),
    claim(2, 1, PRICE, **{CANARY: 1}),
    claim(3, 4711, PRICE, note=CANARY),
    claim(4, 1, 5, tsp=CANARY),
    b'{"broken": "' + CANARY.encode(),
    b"\xff" + CANARY.encode(),
    b'{"' + CANARY.encode() + b'": 1, "' + CANARY.encode() + b'": 2}',
    event(id=CANARY, patient_id=1, code="1", price=5),
    event(id=5, patient_id=1, code=f"{CANARY}, much too long", price=PRICE),
]
DIAGNOSES = [
    diagnose(1, 1, ICD10_CODE, tsp=TIME),
    diagnose(1, 2, ICD10_CODE),
    diagnose(2, 1, CANARY),
    diagnose(3, 2, "R41.3", note=CANARY),
]

CHECKS_THAT_QUOTE = [
    "SELECT c.id FROM claim AS c INNER JOIN {batch} AS b USING (id) WHERE c.code::bigint > 0",
    "SELECT b.id FROM {batch} AS b, patient AS p WHERE p.last_name::date > now()",
    "SELECT b.code, b.price FROM {batch} AS b",
]

REFUSALS = {
    "claim": "ALTER TABLE claim ADD CONSTRAINT refused CHECK (code = 'x') NOT VALID",
    "diagnose": "ALTER TABLE diagnose ADD CONSTRAINT refused CHECK (patient_id < 0) NOT VALID",
    "staging.event": "ALTER TABLE staging.event ADD CONSTRAINT refused CHECK (seq < 0) NOT VALID",
    "analytics.revenue_candidate": """
        ALTER TABLE analytics.revenue_candidate ADD CONSTRAINT refused CHECK (claims < 0) NOT VALID
    """,
}


@dataclass
class Planted:
    """An office with a server of its own, and canaries in its database."""

    office: Office
    url: str

    def load(self) -> None:
        for stream, payloads in (("claim", CLAIMS), ("diagnose", DIAGNOSES)):
            loaded = self.office.command("load", "-", "--stream", stream, given=file_of(payloads))
            assert (loaded.code, loaded.err) == (0, "")

    def merge(self) -> None:
        assert self.office.command("merge").code == 0

    def written(self) -> list[Path]:
        """Every file but the server's data, which holds everything, and a copy of its programs."""
        data = self.office.home / "postgres" / "data"
        return [
            file
            for folder in (self.office.home, self.office.outputs)
            for file in folder.rglob("*")
            if file.is_file()
            and not file.is_relative_to(data)
            and not any(part.startswith("programs-") for part in file.parts)
        ]

    def leaks(self) -> set[tuple[str, bytes]]:
        """Where which canary is found."""
        return {
            (str(file), canary)
            for file in self.written()
            for canary in CANARIES
            if canary in file.read_bytes().lower()
        }


@pytest.fixture
def planted(embedded_office: Office) -> Planted:
    url = embedded_office.command("db").out.strip()
    execute(url, f"UPDATE patient SET first_name = '{CANARY}', last_name = '{CANARY}'")
    return Planted(embedded_office, url)


def test_the_search_finds_a_canary_in_each_place(planted: Planted) -> None:
    planted.load()
    planted.merge()
    for place in (planted.office.home / "logs" / "some.log", planted.office.outputs / "out"):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"..." + CANARY.upper().encode())
        assert {file for file, _ in planted.leaks()} == {str(place)}
        place.unlink()
    with closing(psycopg2.connect(planted.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SET log_min_error_statement = error")
        with pytest.raises(psycopg2.Error):
            cursor.execute(f"SELECT '{CANARY}'::bigint")
    assert {Path(file).name for file, _ in planted.leaks()} == {"server.log"}


def test_nothing_gets_into_the_output_logs_and_pages_of_what_goes_well(planted: Planted) -> None:
    office = planted.office
    planted.load()
    for command in ("merge", "analytics", "status", "verify"):
        for arguments in ((), ("--json",)):
            done = office.command(command, *arguments)
            assert (done.code, done.err) == (0, ""), done.out
    assert office.command("report").code == 0
    running = office.start("run")
    log = office.home / "logs" / "analytics.log"
    running.wait_until(lambda: log.exists() and "analytics run ended" in log.read_text())
    planted.load()
    wait_until(lambda: rejections(office.metrics_port) >= REJECTED)
    ask_for_metrics(office)
    assert running.stop(signal.SIGTERM).code == 0

    # It is where it belongs, and nowhere else.
    [(staged,)] = fetch(planted.url, "SELECT count(*) FROM staging.event WHERE payload ~ 'Canary'")
    [(shown,)] = fetch(
        planted.url, "SELECT count(*) FROM audit.raw_vs_clean WHERE payload ~ 'Canary'"
    )
    assert (staged, shown) == (26, 28)
    names = {file.name for file in planted.written()}
    assert {"server.log", "ingestor.log", "analytics.log", "index.html", "revenue.csv"} <= names
    assert "office_raw_rows" in (office.outputs / "ingestor-metrics").read_text()
    assert "office_last_run" in (office.outputs / "analytics-metrics").read_text()
    assert len(planted.written()) > 25
    assert planted.leaks() == set()


def rejections(port: int) -> float:
    """Raw rows that the ingestor rejected itself."""
    return sum(scrape(port).by("office_rejections_total", "stream", "reason").values())


def is_well(port: int) -> bool:
    return get(port, "/healthz")[0] == 200


def ask_for_metrics(office: Office) -> None:
    """What the processes say of themselves goes where all output goes, to be searched."""
    for number, name in enumerate(("ingestor", "analytics")):
        port = office.metrics_port + number
        wait_until(partial(is_well, port))
        for path in ("metrics", "healthz"):
            (office.outputs / f"{name}-{path}").write_text(get(port, f"/{path}")[1])


# --- what is found wrong is told by its number ---


DAMAGES = {
    "UPDATE claim SET price = price + 1 WHERE id = 1": "id=1, seq=1\n",
    f"UPDATE claim SET code = '{CANARY}' WHERE id = 2": "id=2, seq=4\n",
    "UPDATE diagnose SET patient_id = 3 WHERE id = 1": "id=1, seq=13\n",
    "UPDATE staging.outcome SET fate = 'duplicate' WHERE fate = 'conflict'": "fate=duplicate\n",
    f"INSERT INTO claim VALUES (9, '{CANARY}', {PRICE}, 1, now())": "id=9, is_clean=True",
}
"""By what is done: what verify tells of it."""


def test_verify_tells_ids_and_never_contents(planted: Planted) -> None:
    planted.load()
    planted.merge()
    assert planted.office.command("analytics").code == 0
    for damage in DAMAGES:
        execute(planted.url, damage)
    in_words, as_json = (planted.office.command("verify", *how) for how in ((), ("--json",)))
    assert (in_words.code, in_words.err, as_json.code, as_json.err) == (1, "", 1, "")
    assert [told for told in DAMAGES.values() if told not in in_words.out] == []
    assert planted.leaks() == set()


def test_checks_that_fail_or_break_quote_no_row(planted: Planted, tmp_path: Path) -> None:
    planted.load()
    planted.merge()
    suites = suites_with(tmp_path / "expectations", CHECKS_THAT_QUOTE)
    for arguments in ((), ("--json",)):
        held = planted.office.command("analytics", *arguments, OFFICE_EXPECTATIONS=str(suites))
        assert held.code == 1, held.err
    assert planted.office.command("report").code == 0
    results = [file for file in planted.written() if "quality" in file.parts]
    assert len(results) > 5
    # PostgreSQL's own message quotes what it can't read, and its log is for those who may.
    assert {leak for leak in planted.leaks() if not leak[0].endswith("server.log")} == set()


def test_what_somebody_is_told_holds_nothing_of_a_patient_and_no_secret(
    planted: Planted, tmp_path: Path
) -> None:
    office = planted.office
    planted.load()
    planted.merge()
    suites = suites_with(tmp_path / "expectations", CHECKS_THAT_QUOTE)
    assert office.command("analytics", OFFICE_EXPECTATIONS=str(suites)).code == 1
    with web_receiver() as (web, posted), mail_receiver() as (mail, mailed):
        urls = f"{web}, {mail}, json://s3cret@127.0.0.1:9/t0ken?cto=1"
        tested = office.command("notify", "--test", OFFICE_NOTIFY_URLS=urls)
        assert (tested.code, tested.out.count(": taken")) == (1, 2), tested.err
        running = office.start(
            program="ingestor", DATABASE_URL=planted.url, OFFICE_NOTIFY_URLS=urls
        )
        running.wait_until(lambda: len(posted) > 1 and len(mailed) > 1)
        running.wait_until(lambda: "receiver did not take" in running.err)
        assert running.stop(signal.SIGTERM).code == 0
        (office.outputs / "posted").write_text(json.dumps(posted))
        (office.outputs / "mailed").write_text("".join(mailed))
    assert "A check holds figures back" in (office.outputs / "posted").read_text()
    assert "A check holds figures back" in (office.outputs / "mailed").read_text()
    secrets = (b"s3cret", b"t0ken")
    assert {(f, s) for f in planted.written() for s in secrets if s in f.read_bytes()} == set()
    assert not any("best" in text for text in (json.dumps(posted), *mailed))
    assert {leak for leak in planted.leaks() if not leak[0].endswith("server.log")} == set()


def suites_with(folder: Path, queries: list[str]) -> Path:
    """The suites, and further critical checks of claims."""
    shutil.copytree(PROJECT_FOLDER / "expectations", folder)
    suite = json.loads((folder / "claim.json").read_text())
    suite["expectations"] += [
        {
            "type": "unexpected_rows_expectation",
            "severity": "critical",
            "description": f"Further check {number}.",
            "kwargs": {"unexpected_rows_query": query},
        }
        for number, query in enumerate(queries)
    ]
    (folder / "claim.json").write_text(json.dumps(suite))
    return folder


# --- failures ---


def assert_failed_in_a_line(result: Result) -> None:
    assert result.code == 1
    assert result.out == ""
    lines = [line for line in result.err.splitlines() if " level=warning " not in line]
    assert len(lines) == 1, result.err
    assert lines[0].startswith("Error: ")


def test_rows_that_the_database_refuses_are_not_quoted(planted: Planted) -> None:
    planted.load()
    execute(planted.url, REFUSALS["claim"])
    execute(planted.url, REFUSALS["diagnose"])
    refused = planted.office.command("merge")
    assert refused.code == 0
    assert "CheckViolation 23514" in refused.err
    execute(planted.url, "ALTER TABLE claim DROP CONSTRAINT refused")
    execute(planted.url, "ALTER TABLE diagnose DROP CONSTRAINT refused")
    assert planted.office.command("replay", "--reason", "unprocessable").code == 0
    execute(planted.url, REFUSALS["analytics.revenue_candidate"])
    assert_failed_in_a_line(planted.office.command("analytics"))
    execute(planted.url, REFUSALS["staging.event"])
    assert_failed_in_a_line(
        planted.office.command("load", "-", "--stream", "claim", given=file_of(CLAIMS))
    )
    assert "refused" in (planted.office.home / "postgres" / "server.log").read_text()
    assert planted.leaks() == set()


def test_a_callback_that_fails_quotes_nothing(
    planted: Planted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    execute(planted.url, REFUSALS["staging.event"])
    channel = Channel()
    for payload in CLAIMS:
        channel.publish(payload)
    with closing(Database(planted.url, name="ingestor claim")) as database:
        subscriber = Subscriber(channel, on_arrival(database, "claim"), name="claim")
        subscriber.start()
        wait_until(
            lambda: any(vars(record).get("error") == "CheckViolation" for record in caplog.records)
        )
        execute(planted.url, "ALTER TABLE staging.event DROP CONSTRAINT refused")
        assert subscriber.stop(30)
    assert subscriber.acknowledged == len(CLAIMS)
    logged = caplog.text + "".join(map(LogfmtFormatter().format, caplog.records))
    assert not any(canary.decode() in logged.lower() for canary in CANARIES)
    assert planted.leaks() == set()


@pytest.mark.parametrize("how", ["pg_terminate_backend", "pg_cancel_backend"])
def test_a_statement_that_is_broken_off_is_not_quoted(planted: Planted, how: str) -> None:
    planted.load()
    with locked(planted.url, "claim"):
        assert_failed_in_a_line(broken_off(planted, "merge", how=how))
    planted.merge()
    with locked(planted.url, "analytics.revenue_candidate"):
        assert_failed_in_a_line(broken_off(planted, "analytics", how=how))
    with locked(planted.url, "staging.event"):
        assert_failed_in_a_line(
            broken_off(planted, "load", "-", "--stream", "claim", how=how, given=file_of(CLAIMS))
        )
    assert planted.leaks() == set()


@contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    """Nobody else gets at the table meanwhile."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def broken_off(planted: Planted, *command: str, how: str, given: bytes = b"") -> Result:
    """A command whose statements are broken off until it gives up."""
    running = planted.office.start(*command)
    assert running.process.stdin is not None
    running.process.stdin.write(given)
    running.process.stdin.close()
    running.process.stdin = None
    attack = f"""
        SELECT {how}(pid) FROM pg_stat_activity
        WHERE application_name = 'office {command[0]}' AND wait_event_type = 'Lock'
    """

    def is_over() -> bool:
        fetch(planted.url, attack)
        return running.process.poll() is not None

    wait_until(is_over)
    return running.result()


# --- the server's settings ---

KEEPING_VALUES_OUT = {
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length_on_error": "0",
}


def test_the_embedded_and_the_composed_server_have_the_same_settings() -> None:
    compose = yaml.safe_load((PROJECT_FOLDER / "docker-compose.yml").read_text())
    words: list[str] = compose["services"]["db"]["command"].split()
    composed: dict[str, Any] = dict(word.split("=", 1) for word in words if "=" in word)
    embedded = SETTINGS | {"max_locks_per_transaction": str(LOCKS_PER_TRANSACTION)}
    assert {name: embedded.get(name) for name in composed} == composed
    private = {name for name in SETTINGS if name.startswith("log_")}
    assert private <= composed.keys()


def test_settings_that_keep_values_out_of_the_servers_log_are_in_force(database_url: str) -> None:
    rows = fetch(database_url, "SELECT name, setting FROM pg_settings WHERE name ~ '^log_'")
    settings: dict[str, str] = dict(rows)
    assert {name: settings[name] for name in KEEPING_VALUES_OUT} == KEEPING_VALUES_OUT
