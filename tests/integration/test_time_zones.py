"""The pages in a time zone: local days of 23, 24 and 25 hours add up, whatever the zone."""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from integration.events import compute_and_publish
from integration.page import Page
from model import Claim, Clean, Diagnosis, Figures, revenue
from pipeline.audit.explain import explain_claim, explain_window
from pipeline.core.database import Database
from pipeline.core.notation import Notation
from pipeline.core.statements import execute
from pipeline.report.display_explain import claim_lines, window_lines
from pipeline.report.pages import build_pages
from pipeline.schema.migrate import apply_schema

HOUR = timedelta(hours=1)
NOW = datetime(2027, 5, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")

# A moment at which the clocks of the zones below change, or what is like it.
CHANGES = [
    datetime(2018, 11, 4, 3, tzinfo=UTC),  # America/Sao_Paulo has no midnight
    datetime(2026, 4, 23, 22, tzinfo=UTC),  # Africa/Cairo has no midnight
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # Australia/Lord_Howe: forward by half an hour
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # Europe/Berlin: back
    datetime(2027, 3, 28, 1, tzinfo=UTC),  # Europe/Berlin: forward
]
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Cairo",
]
PATIENTS = {1: "R41.3", 2: "J44.9"}


def make_clean() -> Clean:
    """A claim of each patient every 30 minutes, from 30 hours before to 30 after each change."""
    begun = CHANGES[0] - 40 * HOUR
    diagnoses = {n: Diagnosis(n, code, n, begun) for n, code in PATIENTS.items()}
    moments = [change + number * HOUR / 2 for change in CHANGES for number in range(-60, 60)]
    arrivals = [(moment, patient) for moment in moments for patient in PATIENTS]
    claims = {
        number: Claim(number, "03230", Decimal(number * 37 % 9973) / 100, patient, moment)
        for number, (moment, patient) in enumerate(arrivals)
    }
    return Clean(claims=claims, diagnoses=diagnoses)


def fill(database: Database, clean: Clean) -> None:
    """Puts clean rows where the merge would have put them, and publishes their windows."""
    claims = [(c.id, c.code, c.price, c.patient_id, c.tsp) for c in clean.claims.values()]
    diagnoses = [(d.id, d.icd10_code, d.patient_id, d.tsp) for d in clean.diagnoses.values()]
    with database.transaction() as cursor:
        cursor.executemany(
            "INSERT INTO claim (id, code, price, patient_id, tsp) VALUES (%s, %s, %s, %s, %s)",
            claims,
        )
        cursor.executemany(
            "INSERT INTO diagnose (id, icd10_code, patient_id, tsp) VALUES (%s, %s, %s, %s)",
            diagnoses,
        )
        execute(cursor, "schema/windows/mark_all")
    compute_and_publish(database, NOW)


@pytest.fixture(scope="module")
def clean() -> Clean:
    return make_clean()


@pytest.fixture(scope="module")
def figures(clean: Clean) -> Figures:
    return revenue(clean, NOW)


@pytest.fixture(scope="module")
def office(shared_database_url: str, clean: Clean) -> Iterator[Database]:
    with closing(Database(shared_database_url)) as database:
        fill(database, clean)
        yield database


def build(database: Database, folder: Path, zone: str, currency: str | None = None) -> None:
    notation = Notation(ZoneInfo(zone), currency)
    database.run(partial(build_pages, folder=folder, now=NOW, notation=notation), snapshot=True)


def by_local_date(figures: Figures, zone: ZoneInfo) -> dict[str, dict[str, Decimal]]:
    """The model's revenue by day and category: a window counts for the day in which it starts."""
    totals: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for (window, category), figure in figures.items():
        totals[window.astimezone(zone).date().isoformat()][category] += figure.revenue
    return totals


def sums_of_csv(file: Path) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    with file.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            totals[row["category"]] += Decimal(row["revenue"])
    return totals


def sums_of_windows(page: str) -> dict[str, Decimal]:
    """What the rows of the windows on a page add up to."""
    chart = re.search(r'id="chart-data">(.*?)</script>', page)
    assert chart
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for bar in json.loads(chart[1])["bars"]:
        totals[bar["category"]] += Decimal(bar["text"].replace(",", ""))
    return totals


def totals_said(page: str) -> dict[str, Decimal]:
    said = re.findall(r'data-total="(\w+)">([0-9.,]+)<', page)
    return {category: Decimal(text.replace(",", "")) for category, text in said}


def row_of_day(page: str, day: str) -> list[Decimal]:
    row = re.search(rf'<a href="days/{day}\.html">.*?</tr>', page, re.DOTALL)
    assert row
    return [
        Decimal(text.replace(",", "")) for text in re.findall(r'number">([0-9.,]+)<small', row[0])
    ]


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_is_the_sum_of_its_windows_in_any_zone(
    zone: str, office: Database, figures: Figures, tmp_path: Path
) -> None:
    build(office, tmp_path, zone)
    days = by_local_date(figures, ZoneInfo(zone))
    assert {file.stem for file in (tmp_path / "days").glob("*.html")} == days.keys()
    all_days = (tmp_path / "days.html").read_text(encoding="utf-8")
    for day, expected in days.items():
        page = (tmp_path / "days" / f"{day}.html").read_text(encoding="utf-8")
        assert totals_said(page) == sums_of_windows(page) == expected
        assert sums_of_csv(tmp_path / "days" / f"{day}.csv") == expected
        assert row_of_day(all_days, day) == [expected["Amnesia"], expected["Asthma"]]
        assert f"All times are {zone}." in page
    months = {day[:7] for day in days}
    assert {file.stem for file in (tmp_path / "months").glob("*.csv")} == months
    for month in months:
        of_month = sums_of_csv(tmp_path / "months" / f"{month}.csv")
        assert of_month == {
            category: sum(total[category] for day, total in days.items() if day.startswith(month))
            for category in ("Amnesia", "Asthma")
        }


def windows_of(page: str) -> list[str]:
    """The windows of a page with figures, the oldest first."""
    rows = re.findall(r'<tr id="w[0-9T]+"><th scope="row">(.*?)</th>', page)
    return [row.replace("\N{EN DASH}", " to ") for row in rows][::-1]


def test_the_hour_that_comes_twice_is_told_apart(office: Database, tmp_path: Path) -> None:
    build(office, tmp_path, "Europe/Berlin", "EUR")
    page = Page(tmp_path / "days" / "2026-10-25.html")
    windows = windows_of(page.source)
    assert len(windows) == 25 * 6
    assert (windows[0], windows[-1]) == ("00:00 to 00:10", "23:50 to 00:00")
    assert windows[17:19] == ["02:50+02:00 to 02:00+01:00", "02:00+01:00 to 02:10+01:00"]
    assert len(set(windows)) == len(windows)
    shown = (row["Window"] for row in page.table("figures"))
    hours = [window for window in shown if "whole hour" in window]
    assert len(hours) == 25
    assert "2026-10-25 02:00+01:00 whole hour" in hours
    assert "it has 25 hours" in page.source
    assert "explain window 2026-10-25T02:00+01:00" in page.source
    assert page.broken_links() == []
    text = (tmp_path / "days" / "2026-10-25.csv").read_text(encoding="utf-8")
    header, *lines = text.splitlines()
    assert header == (
        "window_start (Europe/Berlin),category,revenue (EUR),claims,patients,quality_run_id,"
        "published_at (Europe/Berlin)"
    )
    starts = [line.split(",")[0] for line in lines]
    assert "2026-10-25 02:00:00+02:00" in starts
    assert "2026-10-25 02:00:00+01:00" in starts
    schema = pq.read_schema(tmp_path / "days" / "2026-10-25.parquet")
    assert str(schema.field("window_start").type) == "timestamp[us, tz=Europe/Berlin]"
    assert schema.field("revenue").metadata == {b"currency": b"EUR"}


def test_explain_writes_local_times(office: Database, clean: Clean) -> None:
    notation = Notation(BERLIN)
    moment = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    found = office.run(partial(explain_window, moment=moment), snapshot=True)
    told = " ".join(" ".join(window_lines(found, notation=notation)).split())
    assert "Window 2026-10-25 02:00+01:00 to 02:10+01:00 Europe/Berlin: it is published." in told
    number = next(each.id for each in clean.claims.values() if each.tsp == moment)
    biography = office.run(partial(explain_claim, claim_id=number), snapshot=True)
    told = " ".join(" ".join(claim_lines(biography, notation)).split())
    assert f"Claim {number} (times are Europe/Berlin)" in told
    assert "tsp 2026-10-25 02:00:00+01:00" in told


def test_the_hour_that_is_left_out_is_not_there(office: Database, tmp_path: Path) -> None:
    build(office, tmp_path, "Europe/Berlin", "EUR")
    page = Page(tmp_path / "days" / "2027-03-28.html")
    windows = windows_of(page.source)
    assert len(windows) == 23 * 6
    assert windows[11:13] == ["01:50 to 03:00", "03:00 to 03:10"]
    assert "it has 23 hours" in page.source
    assert re.search(r'data-total="Amnesia">[0-9,.]+ EUR<', page.source)


def test_pages_of_another_zone_or_currency_are_all_built_again(
    office: Database, tmp_path: Path
) -> None:
    build(office, tmp_path, "UTC")
    assert (tmp_path / "days" / "2018-11-02.html").is_file()
    build(office, tmp_path, "Asia/Kolkata")
    days = list((tmp_path / "days").glob("*.html"))
    # The first claim is of 2018-11-02 21:00 UTC.
    assert min(days).stem == "2018-11-03"
    pages = [*tmp_path.glob("*.html"), *days, *(tmp_path / "runs").glob("*.html")]
    assert len(pages) > 20
    texts = [page.read_text(encoding="utf-8") for page in pages]
    assert not [text for text in texts if "All times are Asia/Kolkata." not in text]
    downloads = [*tmp_path.glob("*.csv"), *tmp_path.glob("*/*.csv")]
    headers = [download.read_text(encoding="utf-8").splitlines()[0] for download in downloads]
    assert len(headers) > 20
    assert {header.split(",")[0] for header in headers} == {"window_start (Asia/Kolkata)"}
    untouched = {page: page.stat().st_mtime_ns for page in days}
    build(office, tmp_path, "Asia/Kolkata")
    assert {page: page.stat().st_mtime_ns for page in days} == untouched
    build(office, tmp_path, "Asia/Kolkata", "INR")
    assert not [page for page in days if " INR" not in page.read_text(encoding="utf-8")]


def test_a_window_across_midnight_belongs_to_the_day_in_which_it_starts(
    database: Database, clean: Clean, tmp_path: Path
) -> None:
    apply_schema(database, window_minutes=360)
    fill(database, clean)
    build(database, tmp_path, "Europe/Berlin")
    length = timedelta(hours=6)
    figures = revenue(clean, NOW, length)
    days = by_local_date(figures, BERLIN)
    assert {file.stem for file in (tmp_path / "days").glob("*.html")} == days.keys()
    for day, expected in days.items():
        page = (tmp_path / "days" / f"{day}.html").read_text(encoding="utf-8")
        assert totals_said(page) == sums_of_windows(page) == expected
    # The last window of the day, 19:00 to 01:00, with the claims after midnight.
    page = (tmp_path / "days" / "2026-10-25.html").read_text(encoding="utf-8")
    said = "takes in claims from 2026-10-25 19:00 up to, but not including, 01:00: 24 claims with"
    assert said in page
