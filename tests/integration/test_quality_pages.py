"""The data-quality pages, and Great Expectations' own, of real runs."""

import json
import re
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

import pytest

from integration.events import claim, diagnose, stage
from integration.page import Page
from integration.suites import OfficeWithSuites, Suite, copy_suites
from pipeline.audit.release import release
from pipeline.core.database import Database
from pipeline.quality.checks import Checker
from pipeline.quality.cycle import CycleResult, run_cycle
from pipeline.report.pages import RUN_PAGES, build_pages
from unit.test_data_docs import from_other_hosts, loaded_by

pytestmark = [
    # The library and its own dependencies, not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
LATER = NOON + 12 * WINDOW


class Office(OfficeWithSuites):
    @cached_property
    def checker(self) -> Checker:
        """Made with the first run: suites are edited before."""
        return self.make_checker()

    def run(self, now: datetime = LATER) -> CycleResult:
        return run_cycle(self.database, self.checker, now=now, batch_size=1000)

    def build(self, now: datetime = LATER) -> Page:
        self.database.run(partial(build_pages, folder=self.reports, now=now), snapshot=True)
        return self.page("quality.html")

    def page(self, name: str) -> Page:
        return Page(self.reports / name)

    def written_at(self) -> dict[str, int]:
        pages = (self.reports / "runs").glob("*.html")
        return {page.name: page.stat().st_mtime_ns for page in pages}


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return Office(database, copy_suites(tmp_path / "suites"), tmp_path / "reports")


def limit_price(suite: Suite) -> None:
    suite[0]["kwargs"]["max_value"] = 1000


def three_windows(office: Office, *, prices: tuple[int, ...] = (10, 5000, 30)) -> None:
    """The middle one breaks a check of this test's own, that no price be above 1,000."""
    stage(office.database, "diagnose", diagnose(1, tsp=NOON))
    for number, price in enumerate(prices):
        at = NOON + number * WINDOW
        stage(office.database, "claim", claim(number, price=price, tsp=at))
        stage(office.database, "claim", claim(100 + number, price=10, tsp=at))
    office.edit_suite("claim", limit_price)


def test_an_office_without_a_run_has_a_page(office: Office) -> None:
    page = office.build()
    assert page.text("verdict") == "No analytics run has ended yet."
    assert [row["Received"] for row in page.table("reconciliation")] == ["0", "0"]
    assert page.table("freshness")[0]["Last received"] == "nothing yet"
    assert page.broken_links() == []


def test_a_run_that_passed_is_told(office: Office) -> None:
    three_windows(office, prices=(10, 20, 30))
    office.run()
    page = office.build()
    assert page.text("verdict").startswith("3 windows published: no critical check failed.")
    assert "No window is held back." in page.text("held")
    [row] = page.table("runs")
    assert (row["Run"], row["Verdict"], row["Published"]) == ("1", "✓ published", "3")
    assert int(row["Passed"]) == 23
    run = office.page("runs/1.html")
    assert run.pairs("facts")["Windows published"] == (
        "3 windows: 2026-05-04 12:00 to 2026-05-04 12:30 (3 windows)"
    )
    assert not run.has("reasons")
    assert {check["Result"] for check in run.table("checks")} == {"✓ passed"}


def test_a_run_says_what_is_unusual_and_of_which_stream(office: Office) -> None:
    bad = [claim(number, patient=5000) for number in range(30)]
    good = [claim(100 + number) for number in range(30)]
    stage(office.database, "claim", *bad, *good)
    stage(office.database, "diagnose", diagnose(1))
    result = office.run()
    assert not result.found_something_wrong
    assert [check.check_name for check in result.failures] == [
        "No more is rejected than usual at this hour and weekday."
    ]
    office.build()
    habits = office.page("runs/1.html").table("habits")
    assert [(row["Stream"], row["Raw rows"], row["Number"], row["Usual"]) for row in habits] == [
        ("claim", "received", "60", ""),
        ("claim", "conflict", "0", "12.0"),
        ("claim", "duplicate", "0", "30.0"),
        ("claim", "rejected unusual", "30", "3.0"),
        ("diagnose", "received", "1", ""),
        ("diagnose", "conflict", "0", "0.2"),
        ("diagnose", "duplicate", "0", "0.5"),
        ("diagnose", "rejected", "0", "0.1"),
    ]


def test_what_is_held_back_is_told_with_the_check_the_window_and_the_share(office: Office) -> None:
    three_windows(office)
    office.run()
    page = office.build()
    assert page.text("verdict").startswith("2 windows published, 1 window held back.")
    assert page.text("verdict").count("Every price is 0 or more.") == 1
    [held] = page.table("held")
    assert held == {
        "Window": "2026-05-04 12:10",
        "Checks that hold it back": "Every price is 0 or more.",
        "Run": "1",
        "If the figures are right": "python src/office.py release 2026-05-04T12:10Z --reason TEXT",
    }
    run = office.page("runs/1.html")
    assert run.text("reasons") == (
        "Window 2026-05-04 12:10: this does not hold for 1 of 2 rows (50 %): "
        "Every price is 0 or more."
    )
    assert run.pairs("facts")["Windows published"] == (
        "2 windows: 2026-05-04 12:00 to 2026-05-04 12:10, 2026-05-04 12:20 to 2026-05-04 12:30"
    )
    worst = run.table("checks")[0]
    assert (worst["Result"], worst["Windows"], worst["Data"]) == (
        "✗ failed",
        "2026-05-04 12:10",
        "claims",
    )
    assert (worst["At fault"], worst["Of"], worst["Share"]) == ("1", "2", "50 %")


def test_a_check_with_a_query_of_its_own_says_of_how_many_rows_where_it_counts_rows(
    office: Office,
) -> None:
    three_windows(office, prices=(10, 20, 30))
    office.run()
    office.build()
    of = {row["Check"]: row["Of"] for row in office.page("runs/1.html").table("checks")}
    assert of["Every claim comes from exactly one merged raw row."] == "6"
    assert of["Every raw row that counts as merged has its row in the clean table."] == "7"
    assert of["Every window has a figure for every category that is tracked."] == ""


def break_check(suite: Suite) -> None:
    suite[0]["kwargs"]["column"] = "prize"


def test_a_check_that_broke_is_told(office: Office) -> None:
    three_windows(office, prices=(10,))
    office.edit_suite("claim", break_check)
    office.run()
    page = office.build()
    assert "1 check broke" in page.text("verdict")
    assert page.table("runs")[0]["Broke"] == "1"
    run = office.page("runs/1.html")
    assert "the check itself broke, so nobody knows whether this holds" in run.text("reasons")
    assert run.table("checks")[0]["Result"] == "! broke"


def test_a_release_by_hand_is_told_on_both_pages(office: Office) -> None:
    three_windows(office)
    office.run()
    office.build()
    before = office.page("runs/1.html")
    assert not before.has("releases")
    with office.database.transaction() as cursor:
        release(cursor, NOON + WINDOW, reason="Billing knows of it.")
    page = office.build()
    for shown in (page, office.page("runs/1.html")):
        [row] = shown.table("releases")
        assert row["Window"] == "2026-05-04 12:10"
        assert row["Why it was released"] == "Billing knows of it."
        assert "Every price is 0 or more." in row["Checks that held it back"]
    assert "No window is held back." in page.text("held")


def test_a_runs_page_is_written_once_and_again_only_where_it_shows_something_new(
    office: Office,
) -> None:
    three_windows(office)
    for _ in range(3):
        office.run()
        office.build()
    written = office.written_at()
    assert set(written) == {"1.html", "2.html", "3.html"}
    office.build(now=LATER + WINDOW)
    assert office.written_at() == written

    with office.database.transaction() as cursor:
        release(cursor, NOON + WINDOW, reason="Billing knows of it.")
    office.build()
    changed = {name for name, at in office.written_at().items() if at != written[name]}
    assert changed == {"3.html"}

    (office.reports / "runs" / "2.html").unlink()
    office.build()
    assert office.page("runs/2.html").has("checks")


def test_pages_of_old_runs_go(office: Office) -> None:
    with office.database.transaction() as cursor:
        cursor.execute(
            """
            INSERT INTO analytics.quality_run
            (verdict, merged_from, merged_through, closed_before, started_at, finished_at)
            SELECT 'published', 0, 0, %(now)s, %(now)s, %(now)s FROM generate_series(1, %(runs)s)
            """,
            {"now": NOON, "runs": RUN_PAGES},
        )
    office.build()
    assert len(office.written_at()) == RUN_PAGES
    office.run()
    page = office.build()
    assert set(office.written_at()) == {f"{number}.html" for number in range(2, RUN_PAGES + 2)}
    assert len(page.table("runs")) == 50
    assert page.broken_links() == []
    assert office.page("runs/2.html").broken_links() == []


def test_raw_rows_are_counted_by_stream_reason_and_hour(office: Office) -> None:
    stage(office.database, "claim", claim(1), claim(1), claim(1, price=11), b"{", b"[]", b"{}")
    office.run(now=datetime.now(UTC))
    stage(office.database, "diagnose", diagnose(1))
    page = office.build(now=datetime.now(UTC))
    counts = {row["Stream"]: row for row in page.table("reconciliation")}
    assert counts["claim"] == {
        "Stream": "claim",
        "Received": "6",
        "Merged": "1",
        "Duplicate": "1",
        "Conflict": "1",
        "Rejected": "3",
        "Pending": "0",
    }
    assert counts["diagnose"]["Pending"] == "1"
    rejected = {row["Code"]: (row["Reason"], row["Raw rows"]) for row in page.table("rejected")}
    assert rejected == {
        "not_json": ("the payload is not JSON text", "1"),
        "not_object": ("the payload is JSON, but not an object", "1"),
        "bad_id": ("the id is not an integer of 0 or more that fits in 64 bits", "1"),
    }
    fresh = {row["Stream"]: row for row in page.table("freshness")}
    assert "before this page was built" in fresh["claim"]["Last merged"]
    assert fresh["diagnose"]["Last merged"] == "nothing yet"
    assert "before this page was built" in fresh["diagnose"]["Oldest pending since"]
    drawings = {
        drawing["id"]: sum(bar["value"] for bar in drawing["bars"])
        for drawing in json.loads(page.text("volume-data"))
    }
    assert {name: rows for name, rows in drawings.items() if rows} == {
        "claim-merged": 1,
        "claim-duplicate": 1,
        "claim-conflict": 1,
        "claim-rejected": 3,
    }


def test_the_trend_is_drawn_from_what_the_table_says(office: Office) -> None:
    three_windows(office)
    office.run()
    office.run()
    page = office.build()
    columns = {
        "windows_published": "Published",
        "windows_blocked": "Held back",
        "passed": "Passed",
        "failed_warning": "Warnings",
        "failed_critical": "Critical",
        "errored": "Broke",
    }
    drawings = {drawing["id"]: drawing["bars"] for drawing in json.loads(page.text("trend-data"))}
    for measure, column in columns.items():
        drawn = {bar["at"]: str(bar["value"]) for bar in drawings[measure]}
        assert drawn == {row["Run"]: row[column] for row in page.table("runs")}


def test_pages_are_sound(office: Office) -> None:
    three_windows(office)
    office.run()
    page = office.build()
    assert len(list((office.reports / "runs").iterdir())) == 1
    for each in (page, office.page("runs/1.html")):
        assert each.broken_links() == []
        assert each.headings[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(each.headings))
        assert from_other_hosts(each.source) == []
        # Neither is allowed by the pages' own policy.
        assert not re.search(r"<script(?![^>]*(src=|application/json))", each.source)
        assert not re.search(r"\son[a-z]+=", each.source)
    assert page.source.count("<table") == page.source.count("<caption")


# --- Great Expectations' own pages ---


def docs_pages(office: Office) -> list[Path]:
    return sorted((office.reports / "quality" / "site").rglob("*.html"))


def test_the_librarys_pages_load_nothing_from_other_hosts_and_all_that_they_load_is_there(
    office: Office,
) -> None:
    three_windows(office)
    for _ in range(2):
        office.run()
    office.build()
    pages = docs_pages(office)
    assert len(pages) > 10
    for file in [*pages, *(office.reports / "quality").rglob("*.css")]:
        text = file.read_text()
        assert from_other_hosts(text) == [], file
        assert "@import" not in text
        for address in loaded_by(text):
            there = file.parent / address.partition("?")[0]
            assert address.startswith("data:") or there.is_file(), (file, address)


def test_their_index_links_to_pages_that_are_there_and_a_runs_page_to_its_own(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.quality.data_docs.RUNS_KEPT", 2)
    three_windows(office, prices=(10,))
    for _ in range(4):
        office.run()
    page = office.build()
    assert "quality/site/index.html" in page.links
    index = office.reports / "quality" / "site" / "index.html"
    linked = set(re.findall(r"validations/[^\"'\\ ]*\.html", index.read_text()))
    assert linked
    there = {str(file.relative_to(index.parent)) for file in docs_pages(office)}
    assert {link for link in linked if "run-4" in link} <= there
    kept = {re.findall(r"run-\d+", name)[0] for name in there if "validations" in name}
    assert kept == {"run-3", "run-4"}
    assert [link for link in office.page("runs/1.html").links if "quality/" in link] == []
    own = [link for link in office.page("runs/4.html").links if "quality/site" in link]
    assert own
    assert all("run-4/" in link for link in own)
    assert office.page("runs/4.html").broken_links() == []


def test_a_page_is_never_half_written_and_no_scraps_are_left(office: Office) -> None:
    three_windows(office, prices=(10,))
    office.run()
    office.build()
    assert [file for file in office.reports.rglob(".*") if file.name.startswith(".index")] == []
    assert office.page("quality/site/index.html").source.rstrip().endswith("</html>")
