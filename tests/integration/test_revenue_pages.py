"""The revenue pages follow the figures, also where figures are withdrawn."""

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
