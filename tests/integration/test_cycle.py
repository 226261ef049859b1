"""Analytics runs with their checks, through Great Expectations."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from integration.events import claim, diagnose, revenue, rows, stage, stage_and_merge
from integration.suites import OfficeWithSuites, Suite, copy_suites
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.quality import cycle
from pipeline.quality.checks import CheckResult
from pipeline.quality.cycle import CycleResult, check_in_parts, check_windows, run_cycle
from pipeline.report.pages import build_pages

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
    def run(self, now: datetime = LATER) -> CycleResult:
        return run_cycle(self.database, self.make_checker(), now=now, batch_size=1000)

    def page(self) -> str:
        """The page of the last day and that of the checks."""
        build = partial(build_pages, folder=self.reports, now=LATER)
        index = self.database.run(build, snapshot=True)
        return index.read_text() + index.with_name("quality.html").read_text()


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return Office(database, copy_suites(tmp_path / "suites"), tmp_path / "reports")


def one_window(office: Office, *, price: float = 10) -> None:
    stage_and_merge(office.database, "diagnose", diagnose(1, tsp=NOON))
    stage_and_merge(office.database, "claim", claim(1, price=price, tsp=NOON))


def published_row(office: Office) -> list[tuple[Any, ...]]:
    return rows(
        office.database, "SELECT xmin::text, * FROM analytics.revenue_by_diagnosis ORDER BY 2, 3"
    )


def not_passed(result: CycleResult) -> set[tuple[str, str]]:
    return {(check.status, check.check_name) for check in result.checks if check.status != "passed"}


def add_late_claim(office: Office) -> None:
    stage(office.database, "claim", claim(2, price=7, tsp=NOON))


def test_a_run_merges_computes_checks_and_publishes(office: Office) -> None:
    stage(office.database, "diagnose", diagnose(1, tsp=NOON))
    stage(office.database, "claim", claim(1, tsp=NOON))
    result = office.run()
    assert (result.verdict, result.published, result.blocked) == ("published", [NOON], [])
    suites = {check.suite for check in result.checks}
    assert suites == {"staging", "habit", "claim", "diagnose", "revenue"}
    assert not_passed(result) == set()
    assert revenue(office.database)["12:00", "Amnesia"] == ("10.00", 1, 1)
    assert office.run().verdict == "nothing_due"


def misspell_type(suite: Suite) -> None:
    suite[0]["type"] = "expect_column_values_to_be_betwen"


def misspell_argument(suite: Suite) -> None:
    suite[0]["kwargs"]["min_valu"] = suite[0]["kwargs"].pop("min_value")


def misspell_severity(suite: Suite) -> None:
    suite[0]["severity"] = "crtical"


def name_a_missing_column(suite: Suite) -> None:
    suite[0]["kwargs"]["column"] = "prize"
    suite[0]["severity"] = "warning"


def demand_the_impossible(suite: Suite) -> None:
    suite[0]["kwargs"]["min_value"] = 1_000_000


def remove_all(suite: Suite) -> None:
    suite.clear()


@pytest.mark.parametrize(
    ("edit", "status"),
    [
        (misspell_type, "errored"),
        (misspell_argument, "errored"),
        (misspell_severity, "errored"),
        (name_a_missing_column, "errored"),
        (remove_all, "errored"),
        (demand_the_impossible, "failed"),
    ],
)
def test_a_check_that_fails_errs_or_is_misspelt_leaves_what_is_published(
    office: Office, edit: Callable[[Suite], None], status: str
) -> None:
    one_window(office)
    office.run()
    before = published_row(office)
    add_late_claim(office)

    office.edit_suite("claim", edit)
    result = office.run()
    assert (result.verdict, result.published) == ("blocked", [])
    assert result.blocked == [NOON]
    assert result.found_something_wrong
    [(found, name)] = not_passed(result)
    assert found == status
    assert published_row(office) == before
    page = office.page()
    assert name.split(" (")[0] in page
    assert "Held back:" in page


@pytest.mark.parametrize("text", ["{", "[]", '{"expectations": {}}', None])
def test_a_suite_that_cannot_be_read_blocks(office: Office, text: str | None) -> None:
    one_window(office)
    file = office.suites / "revenue.json"
    file.unlink()
    if text is not None:
        file.write_text(text)
    result = office.run()
    assert result.verdict == "blocked"
    assert any("revenue.json" in name for _, name in not_passed(result))
    assert published_row(office) == []


def test_what_was_blocked_is_published_once_the_check_passes(office: Office) -> None:
    one_window(office)
    good = (office.suites / "claim.json").read_text()
    office.edit_suite("claim", demand_the_impossible)
    assert office.run().verdict == "blocked"
    (office.suites / "claim.json").write_text(good)
    assert office.run().published == [NOON]
    assert "Held back:" not in office.page()
    assert rows(office.database, "SELECT * FROM analytics.revenue_candidate") == []


def test_a_failing_warning_publishes_and_is_shown(office: Office) -> None:
    one_window(office, price=20_000)
    result = office.run()
    assert result.verdict == "published"
    assert not_passed(result) == {("failed", "No single price is above 10,000.")}
    assert revenue(office.database)["12:00", "Amnesia"] == ("20000.00", 1, 1)
    assert "No single price is above 10,000." in office.page()


def test_of_three_windows_the_bad_one_alone_is_held_back(office: Office) -> None:
    for number, price in enumerate([10, 5000, 30]):
        stage(office.database, "claim", claim(number, price=price, tsp=NOON + number * WINDOW))

    def limit_price(suite: Suite) -> None:
        suite[0]["kwargs"]["max_value"] = 1000

    office.edit_suite("claim", limit_price)
    result = office.run()
    assert result.verdict == "partly_blocked"
    assert result.published == [NOON, NOON + 2 * WINDOW]
    assert result.blocked == [NOON + WINDOW]
    assert {window for window, _ in revenue(office.database)} == {"12:00", "12:20"}
    assert result.found_something_wrong
    page = office.page()
    assert "(2026-05-04 12:10)" in page.split("Held back:")[1].split("</p>")[0]


def test_a_raw_row_merged_without_a_clean_row_blocks(office: Office) -> None:
    one_window(office)
    with office.database.transaction() as cursor:
        cursor.execute("DELETE FROM diagnose")
    result = office.run()
    assert result.verdict == "blocked"
    assert (
        "failed",
        "Every raw row that counts as merged has its row in the clean table.",
    ) in not_passed(result)


def test_a_claim_without_a_raw_row_blocks_its_window(office: Office) -> None:
    one_window(office)
    with office.database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO claim (id, code, price, patient_id, tsp) VALUES (9, '1', 1, 1, %s)",
            (NOON,),
        )
    assert ("failed", "Every claim comes from exactly one merged raw row.") in not_passed(
        office.run()
    )


def test_two_runs_at_once_publish_once_and_the_same(office: Office, tmp_path: Path) -> None:
    for number in range(20):
        stage(office.database, "claim", claim(number, patient=number % 3, tsp=NOON))
        stage(office.database, "diagnose", diagnose(number, patient=number % 3 + 1, tsp=NOON))
    results: list[CycleResult | BaseException] = []

    def analyse(number: int) -> None:
        own = Database(office.database.dsn)
        try:
            results.append(Office(own, office.suites, tmp_path / str(number)).run())
        except BaseException as error:  # noqa: BLE001
            results.append(error)
        own.close()

    for _ in range(2):
        threads = [threading.Thread(target=analyse, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(isinstance(result, CycleResult) for result in results), results
    assert not any(r.found_something_wrong for r in results if isinstance(r, CycleResult))
    assert len(revenue(office.database)) == 2
    assert all(promise.holds for promise in office.database.run(verify, snapshot=True))
    assert rows(office.database, "SELECT * FROM analytics.dirty_window") == []


def test_no_value_of_the_data_gets_into_the_pages(office: Office) -> None:
    stage(office.database, "claim", claim(1, code="SECRET-CODE", price=31337, tsp=NOON))
    stage(office.database, "diagnose", diagnose(1, patient=2, icd10_code="Q87.89", tsp=NOON))
    office.edit_suite("claim", demand_the_impossible)
    office.run()
    office.page()
    files = [file for file in office.reports.rglob("*") if file.is_file()]
    assert len(files) > 5
    for file in files:
        assert not any(
            secret in file.read_bytes() for secret in (b"SECRET-CODE", b"31337", b"Q87.89")
        ), file


@pytest.mark.parametrize("bad", [set(), {3}, {0, 5}, set(range(7))])
def test_exactly_the_windows_at_fault_are_held_back(bad: set[int]) -> None:
    windows = [NOON + number * WINDOW for number in range(7)]
    at_fault = {windows[number] for number in bad}

    def check(some: list[datetime]) -> list[CheckResult]:
        status = "failed" if at_fault & set(some) else "passed"
        return [CheckResult("claim", "a check", "critical", status)]

    passed, results = check_windows(windows, check)
    assert passed == [window for window in windows if window not in at_fault]
    assert {result.window_start for result in results if result.blocks} == at_fault


def test_many_windows_are_checked_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle, "WINDOWS_AT_ONCE", 3)
    windows = [NOON + number * WINDOW for number in range(7)]
    checked: list[list[datetime]] = []
    told: list[tuple[int, int]] = []

    def check(some: list[datetime]) -> list[CheckResult]:
        checked.append(some)
        return [CheckResult("claim", "a check", "critical", "passed")]

    passed, results = check_in_parts(windows, check, lambda *done: told.append(done))
    assert passed == windows
    assert checked == [windows[:3], windows[3:6], windows[6:]]
    assert len(results) == 3
    assert told == [(0, 7), (3, 7), (3, 7), (1, 7)]
