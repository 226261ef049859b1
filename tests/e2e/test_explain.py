"""`explain` and `release` through the real command line, with the checks that hold figures back."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from e2e.lines import claim, diagnose, file_of
from e2e.processes import Office, Result
from e2e.queries import fetch, published
from integration.events import compute_and_publish
from pipeline.core.database import Database
from pipeline.core.settings import PROJECT_FOLDER

NOON = "2020-05-04T12:00:00Z"


def succeed(result: Result) -> str:
    """What a command printed, which has to have gone well and quietly."""
    assert (result.code, result.err) == (0, "")
    return result.out


def refused(result: Result, code: int) -> str:
    """The one line of a command that did nothing."""
    assert (result.code, result.out) == (code, "")
    [line] = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert code == 2 or result.err == f"{line}\n"
    return line


def load(office: Office, stream: str, *payloads: bytes) -> None:
    succeed(office.command("load", "-", "--stream", stream, given=file_of(payloads)))


def explained(office: Office, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed(office.command("explain", *arguments, "--json")))
    return found


def words(text: str) -> str:
    """A text however it is wrapped."""
    assert max(map(len, text.splitlines())) <= 80
    return " ".join(text.split())


def suites_with_limit(folder: Path, most: int) -> str:
    """A copy of the suites in which no price may be above a limit."""
    shutil.copytree(PROJECT_FOLDER / "expectations", folder)
    file = folder / "claim.json"
    suite = json.loads(file.read_text())
    suite["expectations"][0]["kwargs"]["max_value"] = most
    file.write_text(json.dumps(suite))
    return str(folder)


@pytest.fixture
def filled(office: Office, database: Database) -> Office:
    """Two claims of patient 1, who has Amnesia; of the first a duplicate and a conflict."""
    load(office, "diagnose", diagnose(5, 1, "R41.3", tsp="2020-05-04T12:05:00Z"))
    first = claim(4711, 1, 30, tsp=NOON)
    load(office, "claim", first, first, claim(4711, 1, 31, tsp=NOON), claim(2, 5000, 1, tsp=NOON))
    load(office, "claim", claim(4712, 1, 12.5, tsp="2020-05-04T12:09:59Z"))
    succeed(office.command("merge"))
    compute_and_publish(database, datetime.now(UTC))
    return office


def test_the_biography_of_a_claim(filled: Office) -> None:
    told = words(succeed(filled.command("explain", "claim", "4711")))
    assert "Raw rows, in the order of arrival: 3" in told
    assert "price 31.00, where the clean row has 30.00" in told
    assert "Part of the published figure 42.50 (2 claims, 1 patient)." in told
    assert "Asthma: does not count, patient 1 was never diagnosed with it." in told

    found = explained(filled, "claim", "4711")
    assert [row["fate"] for row in found["raw_rows"]] == ["merged", "duplicate", "conflict"]
    assert json.loads(found["raw_rows"][2]["payload"])["price"] == 31
    assert found["raw_rows"][2]["differences"] == [
        {"field": "price", "raw": "31.00", "clean": "30.00"}
    ]
    assert found["window"]["state"] == "published"
    assert [each["counts"] for each in found["categories"]] == [True, False]

    rejected = words(succeed(filled.command("explain", "claim", "2")))
    assert "Breaks the contract: no patient in the table has the patient_id" in rejected


def test_the_biography_of_a_diagnosis(filled: Office) -> None:
    told = words(succeed(filled.command("explain", "diagnose", "5")))
    assert "Amnesia: the patient's first diagnosis of it" in told
    assert "2020-05-04 12:00 2 claims, 42.50: published" in told
    found = explained(filled, "diagnose", "5")
    assert [each["window_start"] for each in found["windows"]] == ["2020-05-04 12:00:00+00:00"]


def test_the_biography_of_a_window_in_any_notation(filled: Office, database_url: str) -> None:
    [(names,)] = fetch(
        database_url, "SELECT array_agg(first_name || ' ' || last_name) FROM patient WHERE id = 1"
    )
    for moment in (NOON, "2020-05-04T14:09:59+02:00", "2020-05-04T12:05", "2020-05-04 12:00"):
        told = succeed(filled.command("explain", "window", moment))
        assert "Window 2020-05-04 12:00 to 12:10 UTC: it is published." in words(told)
        assert "sum 42.50 agrees with the published figure" in words(told)
        assert not any(name in told for name in names[0].split())
    found = explained(filled, "window", NOON)
    assert [
        (each["category"], each["revenue"], each["agrees"]) for each in found["categories"]
    ] == [
        ("Amnesia", "42.50", True),
        ("Asthma", "0.00", True),
    ]
    assert [each["id"] for each in found["categories"][0]["contributions"]] == [4711, 4712]


def test_a_figure_that_was_changed_is_found(filled: Office, database_url: str) -> None:
    fetch(
        database_url,
        "UPDATE analytics.revenue_by_diagnosis SET revenue = 1 WHERE claims > 0 RETURNING 1",
    )
    ended = filled.command("explain", "window", NOON)
    assert (ended.code, ended.err) == (1, "")
    assert "DOES NOT AGREE" in ended.out


def test_what_nobody_knows_is_one_line(office: Office) -> None:
    assert "claim id 4711" in refused(office.command("explain", "claim", "4711"), 1)
    assert "diagnose id 5" in refused(office.command("explain", "diagnose", "5"), 1)
    assert "2020-05-04 12:00" in refused(office.command("explain", "window", NOON), 1)
    reason = ("--reason", "It is true.")
    assert "isn't held back" in refused(office.command("release", NOON, *reason), 1)


def test_wrong_use_is_said(office: Office) -> None:
    for arguments, told in [
        (("explain", "claim", str(2**63)), str(2**63)),
        (("explain", "window", "teatime"), "teatime"),
        (("explain", "window", "9999-12-31T23:59"), "too far away"),
        (("release", NOON), "--reason"),
        (("release", NOON, "--reason", " \t"), "--reason"),
    ]:
        assert told in refused(office.command(*arguments), 2)
    assert "claim  " in succeed(office.command("explain"))


def test_a_window_is_held_back_released_and_superseded(
    filled: Office, database_url: str, tmp_path: Path
) -> None:
    office, page = filled, filled.home / "reports" / "index.html"
    before = published(database_url)
    load(office, "claim", claim(4713, 1, 500, tsp="2020-05-04T12:20:00Z"))
    load(office, "claim", claim(4714, 1, 600, tsp="2020-05-04T12:30:00Z"))
    load(office, "claim", claim(4716, 1, 700, tsp="2020-05-04T12:40:00Z"))
    strict = suites_with_limit(tmp_path / "strict", 100)
    assert office.command("analytics", OFFICE_EXPECTATIONS=strict).code == 1
    held = words(succeed(office.command("explain", "window", "2020-05-04T12:25")))
    assert "it is held back" in held
    assert "failed critical claim: Every price is 0 or more." in held
    assert "The figures held back: Amnesia 500.00 (1 claim, 1 patient)" in held

    release = ("release", "2020-05-04T12:25Z", "--reason", "A surgery, says <billing>.")
    assert "2020-05-04 12:20 UTC is published by hand" in succeed(office.command(*release))
    released = [("12:20", "Amnesia", "500.00", 1, 1), ("12:20", "Asthma", "0.00", 0, 0)]
    assert published(database_url) == before + released
    assert "it is published, released by hand" in refused(office.command(*release), 1)
    succeed(office.command("verify"))

    succeed(office.command("report"))
    line = page.read_text().split('<tr id="w20200504T1220">')[1].split("</tr>")[0]
    assert "A surgery, says &lt;billing&gt;." in line
    told = words(succeed(office.command("explain", "window", "2020-05-04T12:25")))
    assert "Released by hand: A surgery, says <billing>." in told
    found = explained(office, "window", "2020-05-04T12:25")
    assert [each["stands"] for each in found["releases"]] == [True]

    at_once = release_twice_at_once(office, "2020-05-04T12:40Z")
    reasons = fetch(database_url, "SELECT reason FROM analytics.window_release ORDER BY release_id")
    assert [reason for (reason,) in reasons] == ["A surgery, says <billing>.", at_once]

    # What comes late is checked, with the usual suites, and supersedes it.
    load(office, "claim", claim(4715, 1, 1, tsp="2020-05-04T12:21:00Z"))
    succeed(office.command("analytics"))
    assert ("12:20", "Amnesia", "501.00", 2, 1) in published(database_url)
    assert ("12:30", "Amnesia", "600.00", 1, 1) in published(database_url)
    shown = page.read_text()
    assert "A surgery" not in shown
    assert shown.count("Released by hand") == 1  # of 12:40, which nothing has changed since
    told = words(succeed(office.command("explain", "window", "2020-05-04T12:25")))
    assert "Earlier release, superseded: A surgery, says <billing>." in told
    succeed(office.command("verify"))


def release_twice_at_once(office: Office, window: str) -> str:
    """Releases a window by two processes, of which one has to do so; its reason."""
    both = [
        office.start("release", window, "--reason", f"Number {number}.", "--json")
        for number in range(2)
    ]
    done, too_late = sorted((running.result() for running in both), key=lambda ended: ended.code)
    assert "isn't held back" in refused(too_late, 1)
    reason: str = json.loads(succeed(done))["reason"]
    return reason
