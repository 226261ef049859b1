"""The revenue pages follow the figures, also where figures are withdrawn."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from integration.events import claim, compute_and_publish, diagnose, rows, stage, stage_and_merge
from pipeline.core.database import Database
from pipeline.report.pages import build_pages

MAY = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
JUNE = datetime(2026, 6, 9, 12, 0, tzinfo=UTC)
LATER = JUNE + DAY
SINCE_JUNE = f"window_start >= '{JUNE}'"


@pytest.fixture
def office(database: Database) -> Database:
    """Figures of two days in May and one in June."""
    stage(database, "diagnose", diagnose(1, tsp=MAY))
    at = (MAY, MAY + DAY, JUNE)
    stage_and_merge(database, "claim", *(claim(number, tsp=time) for number, time in enumerate(at)))
    compute_and_publish(database, LATER)
    return database


def change(database: Database, statements: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statements)


def build(database: Database, folder: Path) -> None:
    database.run(partial(build_pages, folder=folder, now=LATER), snapshot=True)


def files_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def of_day(name: str) -> set[str]:
    return {f"{name}.{ending}" for ending in ("html", "csv", "parquet")}


def of_month(name: str) -> set[str]:
    return {f"{name}.{ending}" for ending in ("csv", "parquet")}


def test_pages_and_downloads_of_a_day_without_figures_go(office: Database, tmp_path: Path) -> None:
    build(office, tmp_path)
    assert files_in(tmp_path / "days") == (
        of_day("2026-05-04") | of_day("2026-05-05") | of_day("2026-06-09")
    )
    assert files_in(tmp_path / "months") == of_month("2026-05") | of_month("2026-06")

    first_and_last = "DELETE FROM analytics.revenue_by_diagnosis WHERE window_start::date {}"
    change(office, first_and_last.format("IN ('2026-05-05', '2026-06-09')"))
    build(office, tmp_path)
    assert files_in(tmp_path / "days") == of_day("2026-05-04")
    assert files_in(tmp_path / "months") == of_month("2026-05")
    assert "2026-05-05" not in (tmp_path / "months" / "2026-05.csv").read_text()
    assert "2026-05-04" in (tmp_path / "months" / "2026-05.csv").read_text()


def texts_of(folder: Path) -> dict[str, str]:
    files = [*folder.rglob("*.html"), *folder.rglob("*.csv")]
    return {file.relative_to(folder).as_posix(): file.read_text() for file in files}


CHANGES = {
    "a figure": "UPDATE analytics.revenue_by_diagnosis SET revenue = 7 WHERE {may}",
    "figures of a day": "DELETE FROM analytics.revenue_by_diagnosis WHERE {may}",
    "figures of a month": "DELETE FROM analytics.revenue_by_diagnosis WHERE NOT {since_june}",
    "nothing": "SELECT",
}


@pytest.mark.parametrize("changed", CHANGES)
def test_what_is_built_after_a_change_is_what_is_built_at_once(
    office: Database, tmp_path: Path, changed: str
) -> None:
    build(office, tmp_path / "kept")
    may = f"window_start = '{MAY}' AND category = 'Amnesia'"
    change(office, CHANGES[changed].format(may=may, since_june=SINCE_JUNE))
    build(office, tmp_path / "kept")
    build(office, tmp_path / "new")
    assert texts_of(tmp_path / "kept") == texts_of(tmp_path / "new")


def test_a_day_before_the_year_1000_has_its_page_and_month(
    office: Database, tmp_path: Path
) -> None:
    early = (
        "UPDATE analytics.revenue_by_diagnosis SET window_start = '{}' WHERE window_start = '{}'"
    )
    change(office, early.format("0999-05-04 12:00+00", MAY))
    build(office, tmp_path)
    assert of_day("0999-05-04") <= files_in(tmp_path / "days")
    assert of_month("0999-05") <= files_in(tmp_path / "months")


def test_only_a_month_that_has_changed_is_made_anew(office: Database, tmp_path: Path) -> None:
    build(office, tmp_path)
    months = tmp_path / ".months.json"
    kept = {month: f"kept of {month}" for month in json.loads(months.read_text())}
    months.write_text(json.dumps(kept))
    change(office, f"UPDATE analytics.revenue_by_diagnosis SET revenue = 7 WHERE {SINCE_JUNE}")
    build(office, tmp_path)
    page = (tmp_path / "days.html").read_text()
    assert "kept of 2026-05" in page
    assert "kept of 2026-06" not in page
    assert "June 2026" in page


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_text("{")])
def test_a_page_of_all_days_is_whole_without_what_was_kept(
    office: Database, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    build(office, tmp_path)
    before = texts_of(tmp_path)
    damage(tmp_path / ".months.json")
    build(office, tmp_path)
    assert texts_of(tmp_path) == before


def test_a_category_that_is_renamed_is_renamed_on_every_page(
    office: Database, tmp_path: Path
) -> None:
    build(office, tmp_path)
    change(
        office, "UPDATE analytics.tracked_diagnosis SET category = 'Memory' WHERE category < 'As'"
    )
    compute_and_publish(office, LATER)
    build(office, tmp_path)
    files = [file for file in tmp_path.rglob("*.html") if file.parent.name != "runs"]
    files += tmp_path.rglob("*.csv")
    shown = {file.relative_to(tmp_path).as_posix(): file.read_text() for file in files}
    assert {"index.html", "days.html", "days/2026-05-04.html", "revenue.csv"} <= shown.keys()
    assert [name for name, text in shown.items() if "Amnesia" in text] == []
    without = [name for name, text in shown.items() if "Memory" not in text]
    assert without == ["quality.html"]


def test_without_a_category_the_pages_say_so(office: Database, tmp_path: Path) -> None:
    build(office, tmp_path)
    change(office, "TRUNCATE analytics.tracked_diagnosis")
    build(office, tmp_path)
    compute_and_publish(office, LATER)
    build(office, tmp_path)
    assert "No diagnosis is tracked" in (tmp_path / "index.html").read_text()
    assert files_in(tmp_path / "days") == files_in(tmp_path / "months") == set()
    assert rows(office, "SELECT * FROM analytics.revenue_by_diagnosis") == []
