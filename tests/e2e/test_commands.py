"""The commands of `office.py`, one after the other as a person would give them."""

import csv
import json
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from e2e.lines import CLAIMS, DIAGNOSES, Line, claim, diagnose, file_of
from e2e.processes import Office, Result, wait_until
from e2e.queries import Row, clean_rows, execute, fetch, published, reconciliation, staged_ids
from integration.events import compute_and_publish
from pipeline.core.database import Database
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.staging.load_lines import BYTES_PER_TRANSACTION

FATES = ("merged", "duplicate", "conflict", "rejected")

OUTCOMES = """
    SELECT r.stream, coalesce(convert_to(e.payload, 'UTF8'), e.payload_bytes), r.fate, r.reason
    FROM audit.raw_vs_clean AS r INNER JOIN staging.event AS e USING (seq) ORDER BY seq
"""

FIGURES = """
    SELECT window_start, category, revenue, claims, patients, quality_run_id, published_at
    FROM analytics.revenue_by_diagnosis ORDER BY window_start, category
"""


def succeed(result: Result) -> str:
    """What a command printed, which has to have gone well and quietly."""
    assert (result.code, result.err) == (0, "")
    return result.out


def load(office: Office, stream: str, payloads: list[bytes]) -> None:
    """Loads lines from standard input."""
    out = succeed(office.command("load", "-", "--stream", stream, given=file_of(payloads)))
    assert out == f"{len(payloads)} line{'' if len(payloads) == 1 else 's'} staged.\n"


def outcomes(url: str, *, after: int = 0) -> list[tuple[str, bytes, str, str | None]]:
    """Stream, payload, fate and reason of each raw row after the first so many."""
    return [
        (stream, bytes(payload), fate, reason)
        for stream, payload, fate, reason in fetch(url, OUTCOMES)[after:]
    ]


def counts_of(fates: list[str]) -> dict[str, int]:
    counts = Counter(fates)
    return {
        "received": len(fates),
        **{fate: counts[fate] for fate in FATES},
        "pending": 0,
    }


# --- load, merge, verify ---


@pytest.fixture
def claims_file(tmp_path: Path) -> Path:
    """The claims with an empty line, a line that ends in CRLF, and no line feed at the end."""
    payloads = [line.payload for line in CLAIMS]
    file = tmp_path / "claims.jsonl"
    file.write_bytes(payloads[0] + b"\r\n\n" + b"\n".join(payloads[1:]))
    return file


@pytest.fixture
def diagnoses_file(tmp_path: Path) -> Path:
    file = tmp_path / "diagnoses.jsonl"
    file.write_bytes(file_of(line.payload for line in DIAGNOSES))
    return file


def test_every_line_is_kept_and_meets_its_fate(
    office: Office, database_url: str, claims_file: Path, diagnoses_file: Path
) -> None:
    succeed(office.command("load", claims_file, "--stream", "claim"))
    succeed(office.command("load", diagnoses_file, "--stream", "diagnose"))
    expected = expected_outcomes(lambda line: line.fate)
    assert outcomes(database_url) == [(*row[:2], "pending", None) for row in expected]

    succeed(office.command("merge"))
    assert outcomes(database_url) == expected
    assert reconciliation(database_url) == {
        "claim": counts_of([line.fate for line in CLAIMS]),
        "diagnose": counts_of([line.fate for line in DIAGNOSES]),
    }
    assert fetch(database_url, "SELECT id, code, price, patient_id FROM claim ORDER BY id") == [
        (1, "03230", Decimal("10.50"), 1),
        (2, "03230", Decimal("0.00"), 1),
        (3, "é", Decimal("1.00"), 1),
        (4, "1", Decimal("1.00"), 2),
    ]
    own_time = fetch(database_url, "SELECT tsp FROM claim WHERE id = 4")
    assert own_time == [(datetime(2020, 5, 4, 12, tzinfo=UTC),)]
    assert fetch(database_url, "SELECT id, icd10_code FROM diagnose") == [(1, "R41.3")]
    succeed(office.command("verify"))


def test_loaded_again_nothing_clean_changes(
    office: Office, database_url: str, claims_file: Path, diagnoses_file: Path
) -> None:
    def load_and_merge() -> None:
        succeed(office.command("load", claims_file, "--stream", "claim"))
        succeed(office.command("load", diagnoses_file, "--stream", "diagnose"))
        succeed(office.command("merge"))

    load_and_merge()
    before = clean_rows(database_url)
    assert len(before) == 5
    expected = expected_outcomes(lambda line: line.fate_again)
    for times in (1, 2):
        load_and_merge()
        assert outcomes(database_url, after=times * len(expected)) == expected
        assert clean_rows(database_url) == before
    succeed(office.command("verify"))


def expected_outcomes(fate: Callable[[Line], str]) -> list[tuple[str, bytes, str, str | None]]:
    return [("claim", line.payload, fate(line), line.reason) for line in CLAIMS] + [
        ("diagnose", line.payload, fate(line), line.reason) for line in DIAGNOSES
    ]


def test_a_load_that_is_stopped_says_what_is_staged(office: Office, database_url: str) -> None:
    running = office.start("load", "-", "--stream", "claim")
    assert running.process.stdin is not None
    line = file_of([CLAIMS[0].payload])
    lines = BYTES_PER_TRANSACTION // len(line)
    running.process.stdin.write(line * (lines + 1))
    running.process.stdin.flush()
    staged = "SELECT count(*) FROM staging.event"
    running.wait_until(lambda: fetch(database_url, staged) == [(lines,)])
    ended = running.stop(signal.SIGINT)
    assert (ended.code, ended.out) == (130, "")
    told = f"Stopped: at least {lines} raw rows are staged;"
    assert [line[: len(told)] for line in ended.err.splitlines()] == [told]


def test_a_statement_that_waits_is_broken_off_by_ctrl_c(office: Office, database_url: str) -> None:
    load(office, "claim", [CLAIMS[0].payload])
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE claim")
        running = office.start("merge")
        waiting = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'
        """
        running.wait_until(lambda: fetch(database_url, waiting) == [(1,)])
        stopped_at = time.monotonic()
        ended = running.stop(signal.SIGINT)
    assert time.monotonic() - stopped_at < 20  # and not the minute that it would wait for a lock
    assert (ended.code, ended.out) == (130, "")
    assert ended.err == "Stopped: at least 0 raw rows are merged; others may be pending.\n"


def test_long_work_moves_a_bar_in_a_terminal(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "claims.jsonl"
    file.write_bytes(file_of([CLAIMS[0].payload]) * 20_000)
    for command, shown in [
        (("load", str(file), "--stream", "claim"), ("Loading", " MB ", "20000 lines staged.")),
        (("merge",), ("Merging", "20,000 of 20,000 raw rows", "duplicate 19999")),
        (("rebuild",), ("Rebuilding", "20,000 of 20,000 outcomes", "nothing differs.")),
        (("verify", "--all"), ("Verifying", " checks ", "ok     received")),
    ]:
        terminal = office.start_in_terminal(*command)
        assert terminal.wait() == 0
        for part in shown:
            assert part in terminal.text(), command


def test_commands_print_json(office: Office, claims_file: Path) -> None:
    def printed(*arguments: str | Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(succeed(office.command(*arguments, "--json")))
        return found

    loaded = printed("load", claims_file, "--stream", "claim")
    assert loaded == {
        "stream": "claim",
        "staged": len(CLAIMS),
        "files": [{"file": str(claims_file), "staged": len(CLAIMS)}],
        "failures": [],
    }
    assert printed("status")["streams"][0]["pending"] == len(CLAIMS)
    fates = Counter(line.fate for line in CLAIMS)
    assert printed("merge") == fates
    status = printed("status")
    assert {fate: status["streams"][0][fate] for fate in FATES} == fates
    assert status["streams"][0]["pending"] == status["lag_seconds"] == 0
    promises = json.loads(succeed(office.command("verify", "--json")))
    assert {promise["rows_at_fault"] for promise in promises} == {0}


# --- verify and status find something ---


def test_verify_prints_a_clean_row_that_is_gone(office: Office, database_url: str) -> None:
    load(office, "claim", [claim(number, 1, 5) for number in range(3)])
    succeed(office.command("merge"))
    execute(database_url, "DELETE FROM claim WHERE id = 2")
    broken = broken_promises(office.command("verify"))
    [rows] = [rows for text, rows in broken.items() if "clean claim comes from" in text]
    assert rows == ["id=2, is_clean=False, merged_raw_rows=1"]


def test_verify_prints_a_published_figure_that_was_changed(
    office: Office, database: Database, database_url: str
) -> None:
    load(office, "claim", [claim(1, 1, 5, tsp="2020-05-04T12:00:00Z")])
    succeed(office.command("merge"))
    compute_and_publish(database, datetime.now(UTC))
    succeed(office.command("verify"))
    execute(
        database_url,
        "UPDATE analytics.revenue_by_diagnosis SET revenue = 0.01 WHERE category = 'Asthma'",
    )
    [(text, rows)] = broken_promises(office.command("verify")).items()
    assert "published figure" in text
    assert len(rows) == 2
    for row, revenue in zip(rows, ("0", "0.01"), strict=True):
        assert "window_start=2020-05-04 12:00:00" in row
        assert "category=Asthma" in row
        assert f"revenue={revenue}," in row or f"revenue={revenue}.00," in row


def broken_promises(result: Result) -> dict[str, list[str]]:
    """The promises that verify found broken, each with the rows at fault."""
    assert (result.code, result.err) == (1, "")
    broken: dict[str, list[str]] = {}
    for line in result.out.splitlines():
        if line.startswith("BROKEN"):
            broken[line] = []
        elif re.match(r" {9}\S", line):
            broken[list(broken)[-1]].append(line.strip())
    return broken


def test_status_watches_lag_and_the_age_of_the_last_run(office: Office, database: Database) -> None:
    def code(*arguments: str) -> int:
        return office.command("status", *arguments).code

    assert code("--max-lag", "0") == 0
    assert code("--max-run-age", "3600") == 1
    load(office, "claim", [claim(1, 1, 5)])
    assert code("--max-lag", "0") == 1
    assert code("--max-lag", "3600") == 0
    succeed(office.command("merge"))
    assert code("--max-lag", "0") == 0
    compute_and_publish(database, datetime.now(UTC))
    assert code("--max-run-age", "3600") == 0
    assert code("--max-run-age", "0") == 1


# --- db ---


def test_db_prints_the_url_of_a_server_that_stays(new_office: Office) -> None:
    first = new_office.command("db")
    assert first.code == 0
    assert first.out.startswith("postgresql://")
    assert new_office.command("db").out == first.out
    assert new_office.command("status").code == 0  # which leaves it running
    url = first.out.rstrip("\n")
    assert fetch(url, "SELECT count(*) FROM patient") == [(1000,)]

    assert new_office.command("db", "--stop").code == 0
    wait_until(lambda: not new_office.processes())
    with pytest.raises(psycopg2.OperationalError), closing(psycopg2.connect(url)):
        pass
    again = new_office.command("db", "--stop")
    assert (again.code, again.err) == (0, "The embedded server wasn't running.\n")


# --- analytics ---


def at(time: str) -> str:
    return f"2020-05-04T{time}Z"


HISTORY_OF_DIAGNOSES = [
    diagnose(1, 1, "R41.3", tsp=at("12:04:00")),
    diagnose(2, 1, "R41.3", tsp=at("12:06:00")),
    diagnose(3, 2, "J44.9", tsp=at("12:09:59.999999")),
    # By the end of the first window this was not known; from the second on it is.
    diagnose(4, 3, "R41.3", tsp=at("12:10:00")),
    diagnose(5, 4, "R41.3", tsp=at("11:00:00")),
    diagnose(6, 4, "J44.9", tsp=at("11:00:00")),
    diagnose(7, 5, "E11.9", tsp=at("11:00:00")),
]
HISTORY_OF_CLAIMS = [
    claim(1, 1, 10, tsp=at("12:00:00")),
    claim(2, 1, 5.25, tsp=at("12:09:59.999999")),
    claim(3, 2, 7, tsp=at("12:01:00")),
    claim(4, 3, 100, tsp=at("12:05:00")),
    claim(5, 4, 1.1, tsp=at("12:05:00")),
    claim(6, 5, 50, tsp=at("12:05:00")),
    claim(7, 3, 20, tsp=at("12:10:00")),
    claim(8, 2, 3, tsp=at("12:19:59")),
    claim(9, 5, 9, tsp=at("12:30:00")),
]
PUBLISHED = [
    ("12:00", "Amnesia", "16.35", 3, 2),  # 10 + 5.25 of patient 1, 1.10 of patient 4
    ("12:00", "Asthma", "8.10", 2, 2),  # 7 of patient 2, 1.10 of patient 4
    ("12:10", "Amnesia", "20.00", 1, 1),
    ("12:10", "Asthma", "3.00", 1, 1),
    ("12:30", "Amnesia", "0.00", 0, 0),
    ("12:30", "Asthma", "0.00", 0, 0),
]
LATE_CLAIM = claim(10, 2, 0.9, tsp=at("12:08:00"))
LATE_DIAGNOSIS = diagnose(8, 5, "J44.9", tsp=at("12:25:00"))
PUBLISHED_LATER = [
    ("12:00", "Amnesia", "16.35", 3, 2),
    ("12:00", "Asthma", "9.00", 3, 2),  # 0.90 more of patient 2
    ("12:10", "Amnesia", "20.00", 1, 1),
    ("12:10", "Asthma", "3.00", 1, 1),
    ("12:30", "Amnesia", "0.00", 0, 0),
    ("12:30", "Asthma", "9.00", 1, 1),  # patient 5, diagnosed by now
]


def test_analytics_publishes_blocks_and_publishes_what_came_late(
    office: Office, database_url: str, tmp_path: Path
) -> None:
    load(office, "diagnose", HISTORY_OF_DIAGNOSES)
    load(office, "claim", HISTORY_OF_CLAIMS)
    reports = office.home / "reports"
    out = succeed(office.command("analytics"))
    assert "windows published: 3, held back: 0" in out
    assert published(database_url) == PUBLISHED
    assert_report_shows(reports, PUBLISHED)
    assert csv_rows(reports / "revenue.csv") == csv_text(fetch(database_url, FIGURES))
    before = fetch(database_url, FIGURES)

    load(office, "claim", [LATE_CLAIM])
    load(office, "diagnose", [LATE_DIAGNOSIS])
    suites, misspelt = misspell(tmp_path / "expectations")
    blocked = office.command("analytics", OFFICE_EXPECTATIONS=str(suites))
    assert (blocked.code, blocked.err) == (1, "")
    assert misspelt in blocked.out
    assert misspelt in (reports / "quality.html").read_text()
    assert "Held back:" in (reports / "index.html").read_text()
    assert fetch(database_url, FIGURES) == before

    released = json.loads(succeed(office.command("analytics", "--json")))
    assert released["verdict"] == "published"
    assert published(database_url) == PUBLISHED_LATER
    assert_report_shows(reports, PUBLISHED_LATER)
    assert "Held back:" not in (reports / "index.html").read_text()
    succeed(office.command("verify"))


def test_analytics_by_hand_ends_a_warning_that_is_over(office: Office, database_url: str) -> None:
    warns = "INSERT INTO analytics.trouble (kind, subject, began_at) VALUES ('warning', 'x', now())"
    execute(database_url, warns)
    going_on = "SELECT subject FROM analytics.trouble WHERE ended_at IS NULL AND subject = 'x'"
    span = ("--from", "2020-05-04T12:00Z", "--to", "2020-05-04T13:00Z")
    assert "windows published" in succeed(office.command("analytics", *span))
    assert fetch(database_url, going_on) == [("x",)]
    assert "windows published" in succeed(office.command("analytics"))
    assert fetch(database_url, going_on) == []


def misspell(suites: Path) -> tuple[Path, str]:
    """A copy of the suites with one check misspelt, and that check's name."""
    shutil.copytree(PROJECT_FOLDER / "expectations", suites)
    file = suites / "claim.json"
    suite = json.loads(file.read_text())
    check = suite["expectations"][0]
    check["type"] = check["type"].replace("between", "betwen")
    file.write_text(json.dumps(suite))
    return suites, check["description"]


def assert_report_shows(reports: Path, figures: list[Row]) -> None:
    page = (reports / "index.html").read_text()
    for window, _, *numbers in figures:
        row = page.split(f'<tr id="w20200504T{window.replace(":", "")}">')[1].split("</tr>")[0]
        revenue, claims, patients = numbers
        assert f">{revenue}<small>{claims} claim{'' if claims == 1 else 's'}, " in row, window
        assert f", {patients} patient" in row, window


def csv_rows(file: Path) -> list[list[str]]:
    with file.open(newline="") as lines:
        return list(csv.reader(lines))


def csv_text(figures: list[Row]) -> list[list[str]]:
    header = "window_start (UTC),category,revenue,claims,patients,quality_run_id,published_at (UTC)"
    return [header.split(","), *([str(value) for value in row] for row in figures)]


# --- two at once ---

NEW = 100
TURNS = 3


def at_once(office: Office, *arguments: str) -> list[Any]:
    """What two processes of the same command print as JSON, started at once."""
    both = [office.start(*arguments, "--json") for _ in range(2)]
    return [json.loads(succeed(running.result())) for running in both]


def test_two_merges_at_once_take_every_row_once(office: Office, database_url: str) -> None:
    for turn in range(TURNS):
        # The second half of each load comes again in the next.
        numbers = range(NEW * turn, NEW * turn + 2 * NEW)
        load(office, "claim", [claim(number, 1 + number % 50, 5) for number in numbers])
        load(office, "diagnose", [diagnose(number, 1, "R41.3") for number in range(NEW)])
        done = at_once(office, "merge")
        taken = {fate: sum(totals[fate] for totals in done) for fate in FATES}
        new = 3 * NEW if turn == 0 else NEW
        assert taken == {"merged": new, "duplicate": 3 * NEW - new, "conflict": 0, "rejected": 0}
    assert set(staged_ids(database_url, "claim")) == set(range((TURNS + 1) * NEW))
    assert fetch(database_url, "SELECT count(*), count(DISTINCT id) FROM claim") == [
        ((TURNS + 1) * NEW, (TURNS + 1) * NEW)
    ]
    for counts in reconciliation(database_url).values():
        assert counts["pending"] == 0
    succeed(office.command("verify"))


def test_two_analytics_at_once_publish_the_same_once(office: Office, database_url: str) -> None:
    # Of the claims from 02:00 on, 5 a turn are of patient 1 and 6 of patient 2, at 1.00 each;
    # patient 2 is diagnosed in the second turn, which doubles all claims.
    for turn, amnesia in enumerate((5, 2 * (5 + 6))):
        load(
            office,
            "claim",
            [
                claim(1000 * turn + minute, 1 + minute % 7, 1, tsp=at(clock(minute)))
                for minute in range(0, 300, 5)
            ],
        )
        load(office, "diagnose", [diagnose(turn, 1 + turn, "R41.3", tsp=at("02:00:00"))])
        done = at_once(office, "analytics")
        assert {run["verdict"] for run in done} <= {"published", "nothing_due"}
        windows = [window for run in done for window in run["published"]]
        assert sorted(windows) == sorted(set(windows))
        assert len(windows) == 30
        figures = published(database_url)
        assert len(figures) == 60
        assert sum(Decimal(row[2]) for row in figures if row[1] == "Amnesia") == amnesia
    assert fetch(database_url, "SELECT * FROM analytics.dirty_window") == []
    succeed(office.command("verify"))


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}:00"
