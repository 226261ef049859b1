"""The pages of a real run in a real browser: what is drawn, told, downloaded, and how it reads."""

import io
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, sync_playwright

from e2e.queries import execute, fetch
from integration.events import claim, diagnose, stage
from pipeline.audit.release import release
from pipeline.core.database import Database
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.operations.serving import serving
from pipeline.quality.checks import Checker
from pipeline.quality.cycle import run_cycle
from pipeline.report.pages import build_pages, docs_folder

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"
    ),
    # The library of the checks and its own dependencies, not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# It has its own services, which would look for hosts that a closed network does not have.
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]

Scheme = Literal["light", "dark"]

PHONE, DESKTOP = 390, 1280
# Contrast depends on the scheme, and overflow on the width: two looks cover both.
LOOKS: list[tuple[int, Scheme]] = [(PHONE, "light"), (DESKTOP, "dark")]

MIDNIGHT = datetime(2026, 5, 4, tzinfo=UTC)
NOW = MIDNIGHT + timedelta(hours=20)
WINDOW = timedelta(minutes=10)
HELD_BACK = MIDNIGHT + timedelta(hours=10)
RELEASED = MIDNIGHT + timedelta(hours=11)
# Nobody sent anything for an hour.
QUIET = range(72, 78)

FIGURES = """
    SELECT window_start, category, revenue::text, claims, patients
    FROM analytics.revenue_by_diagnosis ORDER BY window_start, category
"""


@dataclass
class Site:
    """The pages of an office's day, served, and the database they were built from."""

    address: str
    folder: Path
    url: str

    def figures(self, day: str = "2026-05-04") -> list[tuple[Any, ...]]:
        return [row for row in fetch(self.url, FIGURES) if f"{row[0]:%Y-%m-%d}" == day]


@dataclass
class Visit:
    """A page in a browser, and what went on meanwhile."""

    page: Page
    address: str
    messages: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("requestfailed", lambda request: self.messages.append(request.url))
        self.page.route("**/*", self._watch)

    def open(self, path: str = "index.html") -> Page:
        self.page.goto(f"{self.address}/{path}", wait_until="networkidle")
        return self.page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.messages.append(message.text)

    def _watch(self, route: Route, request: Request) -> None:
        """Lets a request through to our own host alone."""
        if request.url.startswith((self.address, "data:")):
            route.continue_()
        else:
            self.strangers.append(request.url)
            route.abort()


def history() -> Iterator[tuple[str, bytes]]:
    """A day and the end of the one before: of a patient of each category, and of one of none."""
    yield "diagnose", diagnose(1, patient=1, icd10_code="R41.3", tsp=MIDNIGHT)
    yield "diagnose", diagnose(2, patient=2, icd10_code="J44.9", tsp=MIDNIGHT + 3 * WINDOW)
    for number in range(-12, 108):
        if number not in QUIET:
            at = MIDNIGHT + number * WINDOW + timedelta(minutes=5)
            for patient in (1, 2, 3):
                # At times, one of none comes alone: a revenue of 0.
                if patient == 3 or number % 5:
                    price = 10 + (number * 37 + patient * 11) % 90 + 0.25
                    yield (
                        "claim",
                        claim(1000 + 3 * number + patient, patient=patient, price=price, tsp=at),
                    )
    yield "claim", claim(1, patient=3, price=20_000, tsp=MIDNIGHT)  # a warning
    yield "claim", b'{"id": 1000, "patient_id": 4711, "code": "1", "price": 5}'


def without_a_raw_row(url: str, number: int, tsp: datetime) -> None:
    """A claim that somebody wrote by hand: a critical check holds its window back."""
    execute(url, f"INSERT INTO claim VALUES ({number}, '03230', 5, 1, '{tsp.isoformat()}')")
    execute(url, f"INSERT INTO analytics.dirty_window (window_start) VALUES ('{tsp.isoformat()}')")


@pytest.fixture(scope="module")
def site(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    url, folder = shared_database_url, tmp_path_factory.mktemp("site") / "reports"
    with closing(Database(url)) as database:
        for stream, payload in history():
            stage(database, stream, payload)
        checker = Checker(
            url, expectations=PROJECT_FOLDER / "expectations", docs=docs_folder(folder)
        )
        analyse = partial(run_cycle, database, checker, batch_size=10_000)
        analyse(now=NOW - timedelta(hours=2))
        for number, window in enumerate((HELD_BACK, RELEASED), start=5000):
            without_a_raw_row(url, number, window)
        analyse(now=NOW)
        database.run(partial(release, moment=RELEASED, reason="Billing knows of it."))
        build = partial(build_pages, folder=folder, now=NOW)
        database.run(build, snapshot=True)
    with serving(folder, 0) as address:
        yield Site(address, folder, url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": DESKTOP, "height": 900})
    yield Visit(context.new_page(), site.address)
    context.close()


def drawn(page: Page) -> dict[str, list[dict[str, Any]]]:
    """The bars of each category: what each says of itself, and how high it is on the screen."""
    page.wait_for_function(
        "[...document.querySelectorAll('.drawing')].every(place => place.dataset.drawn)"
    )
    return {
        str(place.get_attribute("data-category")): place.evaluate(
            """place => [...place.querySelectorAll('.mark-rect path[aria-label]')].map(bar => (
                {label: bar.getAttribute('aria-label'), height: bar.getBBox().height}))"""
        )
        for place in page.locator(".drawing").all()
    }


def label_of(row: tuple[Any, ...]) -> str:
    start, _, revenue, claims, patients = row
    end = start + WINDOW
    return (
        f"{start:%Y-%m-%d %H:%M} to {end:%H:%M}: {revenue} from {claims} "
        f"claim{'' if claims == 1 else 's'}, {patients} patient{'' if patients == 1 else 's'}"
    )


def test_the_chart_shows_the_figures_of_the_table(site: Site, visit: Visit) -> None:
    bars = drawn(visit.open("days/2026-05-04.html"))
    figures = site.figures()
    assert set(bars) == {"Amnesia", "Asthma"}
    for category, drawn_bars in bars.items():
        rows = [row for row in figures if row[1] == category]
        assert len(rows) > 90
        assert [bar["label"] for bar in drawn_bars] == [label_of(row) for row in rows]
        highest = max(float(row[2]) for row in rows)
        tallest = max(bar["height"] for bar in drawn_bars)
        for bar, row in zip(drawn_bars, rows, strict=True):
            assert bar["height"] == pytest.approx(tallest * float(row[2]) / highest, abs=1)


def test_zero_and_a_gap_look_different(site: Site, visit: Visit) -> None:
    page = visit.open("days/2026-05-04.html")
    drawn(page)
    zeros = [row for row in site.figures() if row[1] == "Amnesia" and float(row[2]) == 0]
    place = page.locator('.drawing[data-category="Amnesia"]')
    assert zeros
    assert place.locator(".mark-rule.role-mark line").count() == len(zeros)
    # The first of the three layers of rectangles: an hour without a claim.
    assert place.locator(".mark-rect").first.locator("path").count() == len(QUIET)
    assert page.locator("tr", has_text="no claim").count() == len(QUIET)


def test_the_table_says_the_figures_and_their_sums(site: Site, visit: Visit) -> None:
    page = visit.open("days/2026-05-04.html")
    for start, category, revenue, claims, _ in site.figures()[:40]:
        row = page.locator(f"#w{start:%Y%m%dT%H%M}")
        cell = row.locator("td").nth(["Amnesia", "Asthma"].index(category))
        assert cell.inner_text().split("\n")[0].startswith(revenue)
        assert f"{claims} claim" in cell.inner_text()
    for category in ("Amnesia", "Asthma"):
        total = sum(float(row[2]) for row in site.figures() if row[1] == category)
        shown = page.locator(f'[data-total="{category}"]').inner_text()
        assert float(shown.replace(",", "")) == pytest.approx(total)


def test_a_tap_on_a_bar_gives_its_figure_and_how_it_comes_about(site: Site, visit: Visit) -> None:
    page = visit.open("days/2026-05-04.html")
    drawn(page)
    target = (
        page.locator('.drawing[data-category="Amnesia"] .mark-rect').last.locator("path").nth(20)
    )
    target.hover()
    told = page.locator("#vg-tooltip-element")
    assert told.inner_text() in [label_of(row) for row in site.figures()]
    target.click()
    opened = page.locator("tr:target details[open]")
    assert opened.is_visible()
    assert "The window takes in claims from" in opened.inner_text()


@pytest.mark.parametrize(
    ("path", "stem", "day"),
    [
        ("days/2026-05-04.html", "2026-05-04", "2026-05-04"),
        ("days/2026-05-03.html", "2026-05-03", "2026-05-03"),
        ("days.html", "months/2026-05", None),
        ("index.html", "revenue", None),
    ],
)
def test_downloads_are_the_table(
    site: Site, visit: Visit, path: str, stem: str, day: str | None
) -> None:
    visit.open(path)
    expected = site.figures(day) if day else fetch(site.url, FIGURES)
    for ending, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        with visit.page.expect_download() as started:
            visit.page.locator(f'a[href="{stem}.{ending}"]').click()
        table = read(io.BytesIO(Path(started.value.path()).read_bytes()))
        rows = [
            (pd.Timestamp(start), category, float(revenue), claims, patients)
            for start, category, revenue, claims, patients, *_ in table.itertuples(index=False)
        ]
        assert rows == [(row[0], row[1], float(row[2]), row[3], row[4]) for row in expected]


def test_what_is_held_back_and_what_was_released_is_said(visit: Visit) -> None:
    page = visit.open()
    assert "2026-05-04 10:00" in page.locator(".note.bad").inner_text()
    row = page.locator("#w20260504T1100")
    assert "released by hand" in row.inner_text()
    row.locator("summary").click()
    assert "Billing knows of it." in row.inner_text()


def test_the_quality_page_says_what_failed_and_what_was_held_back(visit: Visit) -> None:
    page = visit.open("quality.html")
    assert "2 windows held back" in page.locator("#verdict").inner_text()
    assert "exactly one merged raw row" in page.locator("#verdict").inner_text()
    page.locator("a", has_text="Run 2").click()
    assert "2026-05-04 10:00" in page.locator("main").inner_text()
    page.locator("a", has_text="Run 1").click()
    first = page.locator("tr", has_text="No single price is above 10,000.")
    assert "failed" in first.inner_text()
    assert "warning" in first.inner_text()


def test_the_checks_own_pages_work_offline(visit: Visit) -> None:
    page = visit.open("quality/site/index.html")
    page.locator("tbody tr").first.click()
    page.wait_for_url("**/validations/revenue/run-2/**")
    page.wait_for_load_state("networkidle")
    assert (
        "Every window starts on a multiple of the window's length."
        in page.locator("body").inner_text()
    )
    assert (visit.messages, visit.strangers) == ([], [])


@pytest.mark.parametrize(
    "path",
    ["index.html", "days.html", "days/2026-05-04.html", "quality.html", "runs/2.html"],
)
def test_a_page_is_sound(visit: Visit, path: str) -> None:
    """No error, no request to another host, nothing for an accessibility checker, no overflow."""
    page = visit.open(path)
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        drawn(page)
        found = Axe().run(page).response["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found] == []
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert (visit.messages, visit.strangers) == ([], [])


def test_the_keyboard_reaches_everything(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim().slice(0, 30)"))
    assert {"What was checked", "CSV", "Parquet"} <= reached


def test_without_scripts_the_figures_are_there(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.address}/days/2026-05-04.html")
    assert page.locator("#figures tbody tr[id]").count() == 108
    context.close()
