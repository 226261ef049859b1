"""The length of a window: settled in the database, and everything follows it."""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg2
import pytest

from integration.events import claim, diagnose, merge, rows, stage, stage_and_merge
from integration.suites import OfficeWithSuites, Suite, copy_suites
from model import Figure, Figures, RawRow, revenue
from model import merge as merge_in_model
from pipeline.audit.explain import explain_window
from pipeline.audit.rebuild import rebuild
from pipeline.audit.release import release
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.operations.status import read_status
from pipeline.quality.cycle import CycleResult, run_cycle
from pipeline.report.pages import build_pages
from pipeline.schema.migrate import apply_schema

pytestmark = [
    # The library and its own dependencies, not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
FIFTEEN_MINUTES = timedelta(minutes=15)
MARKS = "SELECT DISTINCT window_start FROM analytics.dirty_window ORDER BY window_start"


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Office(OfficeWithSuites):
    def run(self, now: datetime = LATER) -> CycleResult:
        return run_cycle(self.database, self.make_checker(), now=now, batch_size=1000)

    def page(self) -> str:
        """The revenue page."""
        build = partial(build_pages, folder=self.reports, now=LATER)
        return self.database.run(build, snapshot=True).read_text(encoding="utf-8")


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    """An office with windows of 15 minutes; claims come in at 12:00, 12:14, 12:15 and 12:44."""
    apply_schema(database, window_minutes=15)
    stage(
        database, "diagnose", diagnose(1, patient=1, tsp=at(14)), diagnose(2, patient=2, tsp=at(15))
    )
    stage(database, "claim", *(claim(n, patient=1, price=n, tsp=at(m)) for n, m in CLAIMS))
    stage(database, "claim", claim(9, patient=2, price=100, tsp=at(14)))
    return Office(database, copy_suites(tmp_path / "suites"), tmp_path / "reports")


CLAIMS = [(1, 0), (2, 14), (4, 15), (8, 44)]


def published(database: Database) -> Figures:
    return {
        (start, category): Figure(revenue, claims, patients)
        for start, category, revenue, claims, patients in rows(
            database,
            """
            SELECT window_start, category, revenue, claims, patients
            FROM analytics.revenue_by_diagnosis
            """,
        )
    }


def expected(database: Database, length: timedelta) -> Figures:
    """What the independent model makes of the raw rows."""
    events = "SELECT seq, stream, convert_to(payload, 'UTF8'), received_at FROM staging.event"
    raw = [
        RawRow(seq, stream, bytes(payload), at)
        for seq, stream, payload, at in rows(database, f"{events} ORDER BY seq")
    ]
    return revenue(merge_in_model(raw, range(1, 1001)), LATER, length)


def broken(database: Database) -> list[str]:
    return [promise.name for promise in database.run(verify, snapshot=True) if not promise.holds]


def test_the_main_job_runs_with_windows_of_15_minutes(office: Office) -> None:
    result = office.run()
    assert (result.verdict, result.published) == ("published", [at(0), at(15), at(30)])
    figures = """
        SELECT window_start, revenue, claims FROM analytics.revenue_by_diagnosis
        WHERE category = 'Amnesia' ORDER BY window_start
        """
    # Patient 2 was diagnosed at 12:15, which is no longer the first window.
    assert rows(office.database, figures) == [(at(0), 3, 2), (at(15), 4, 1), (at(30), 8, 1)]
    assert published(office.database) == expected(office.database, FIFTEEN_MINUTES)
    assert broken(office.database) == []
    assert rebuild(office.database, batch_size=10, is_applied=False).differences == []


def test_what_people_are_shown_follows_the_length(office: Office) -> None:
    office.run()
    explained = office.database.run(partial(explain_window, moment=at(29)), snapshot=True)
    assert (explained.window.window_start, explained.window.window_end) == (at(15), at(30))
    assert not explained.found_something_wrong
    page = office.page()
    assert "per window of 15 minutes" in page
    anchors = set(re.findall(r'id="w20260504T(12\d\d)"', page))
    assert anchors >= {"1200", "1215", "1230"}
    assert not anchors & {"1210", "1220"}
    closes = office.database.run(read_status).window_closes_at
    assert closes.minute % 15 == 0
    assert timedelta(0) < closes - datetime.now(UTC) <= timedelta(minutes=15)


def test_a_window_of_15_minutes_is_held_back_and_released(office: Office) -> None:
    def demand_the_impossible(suite: Suite) -> None:
        suite[0]["kwargs"]["min_value"] = 1_000_000

    office.edit_suite("revenue", demand_the_impossible)
    result = office.run()
    assert result.blocked == [at(0), at(15), at(30)]
    done = office.database.run(partial(release, moment=at(20), reason="It is true."))
    assert done.window.window_start == at(15)
    published = "SELECT DISTINCT window_start FROM analytics.revenue_by_diagnosis"
    assert rows(office.database, published) == [(at(15),)]


def test_a_late_diagnosis_marks_windows_of_the_length(office: Office) -> None:
    office.run()
    stage_and_merge(office.database, "diagnose", diagnose(3, patient=2, tsp=at(1)))
    assert rows(office.database, MARKS) == [(at(0),)]


@pytest.mark.parametrize(
    ("minutes", "unit", "window"),
    [
        (5, "hour", "from 2026-05-04 12:40 up to, but not including, 12:45:"),
        (90, "day", "from 2026-05-04 12:00 up to, but not including, 13:30:"),
        (1440, "day", "from 2026-05-04 00:00 up to, but not including, 2026-05-05 00:00:"),
    ],
)
def test_the_pages_show_windows_of_any_length(
    database: Database, tmp_path: Path, minutes: int, unit: str, window: str
) -> None:
    apply_schema(database, window_minutes=minutes)
    stage(database, "diagnose", diagnose(1, tsp=at(-5)))
    stage(database, "claim", *(claim(n, price=n, tsp=at(m)) for n, m in CLAIMS))
    office = Office(database, copy_suites(tmp_path / "suites"), tmp_path / "reports")
    assert office.run(now=LATER + timedelta(days=1)).verdict == "published"
    page = office.page()
    for part in (f"<h2>By {unit} and window</h2>", f" {unit}</small>", window):
        assert part in page
    assert "By" in (office.reports / "days" / "2026-05-04.html").read_text(encoding="utf-8")
    assert broken(database) == []


@pytest.mark.parametrize("minutes", [1, 60, 1440])
def test_other_lengths_add_up_too(database: Database, minutes: int) -> None:
    apply_schema(database, window_minutes=minutes)
    stage_and_merge(database, "diagnose", diagnose(1, tsp=at(0)))
    stage_and_merge(database, "claim", *(claim(n, price=n, tsp=at(m)) for n, m in CLAIMS))
    length = timedelta(minutes=minutes)
    expected = sorted(
        {at(m) - (at(m) - datetime(1970, 1, 1, tzinfo=UTC)) % length for _, m in CLAIMS}
    )
    assert rows(database, MARKS) == [(start,) for start in expected]


def test_windows_that_are_marked_already_are_marked_anew(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=at(12)), claim(2, tsp=at(22)))
    assert rows(database, MARKS) == [(at(10),), (at(20),)]
    apply_schema(database, window_minutes=15)
    assert rows(database, MARKS) == [(at(0),), (at(15),)]
    assert broken(database) == []


def test_a_candidate_of_another_length_is_forgotten(office: Office) -> None:
    def demand_the_impossible(suite: Suite) -> None:
        suite[0]["kwargs"]["min_value"] = 1_000_000

    office.edit_suite("revenue", demand_the_impossible)
    office.run()
    assert rows(office.database, "SELECT count(*) > 0 FROM analytics.revenue_candidate") == [
        (True,)
    ]
    apply_schema(office.database, window_minutes=10)
    assert rows(office.database, "SELECT count(*) FROM analytics.revenue_candidate") == [(0,)]
    assert rows(office.database, MARKS) == [(at(0),), (at(10),), (at(40),)]


def test_the_length_is_settled_with_the_first_published_window(office: Office) -> None:
    office.run()
    apply_schema(office.database)
    apply_schema(office.database, window_minutes=15)
    with pytest.raises(OfficeError, match="published windows of 15 minutes") as refused:
        apply_schema(office.database, window_minutes=10)
    assert refused.value.exit_code == 2
    assert rows(office.database, "SELECT analytics.window_length()") == [(timedelta(minutes=15),)]


def test_a_user_who_may_not_decide_the_length_is_told(database: Database) -> None:
    with closing(psycopg2.connect(database.dsn)) as owner, owner.cursor() as cursor:
        cursor.execute("ALTER ROLE office_merge PASSWORD 'best'")
        owner.commit()
    with (
        closing(Database(database.dsn.replace("dataeng:", "office_merge:"))) as service,
        pytest.raises(OfficeError, match=r"OFFICE_WINDOW_MINUTES is 15.*office.py migrate"),
    ):
        apply_schema(service, window_minutes=15)
    merge(database)


@pytest.mark.parametrize("minutes", [10, 15])
def test_the_planner_sees_through_the_functions(database: Database, minutes: int) -> None:
    apply_schema(database, window_minutes=minutes)
    plan = "\n".join(
        line
        for (line,) in rows(
            database,
            """
            EXPLAIN SELECT FROM claim
            WHERE tsp >= analytics.window_start('2026-05-04 12:09+00')
              AND tsp < analytics.window_end('2026-05-04 12:00+00')
            """,
        )
    )
    assert "window_" not in plan
    assert "Index Cond" in plan
    assert "tsp >= '2026-05-04 12:00:00+00'" in plan
    assert f"tsp < ('2026-05-04 12:00:00+00'::timestamp with time zone + '00:{minutes}:00'" in plan
    read_at_once = rows(database, "EXPLAIN SELECT analytics.window_length()")
    assert "window_length" not in str(read_at_once)


def test_a_window_of_a_day_has_24_hours_wherever_the_reader_is(database: Database) -> None:
    """In Berlin that day has 23."""
    apply_schema(database, window_minutes=1440)
    with database.transaction() as cursor:
        cursor.execute("SET LOCAL timezone = 'Europe/Berlin'")
        cursor.execute("SELECT analytics.window_end('2026-03-29 00:00+00')")
        assert cursor.fetchone() == (datetime(2026, 3, 30, tzinfo=UTC),)


def test_the_length_stands_once() -> None:
    """No other file of the source names ten minutes."""
    source = PROJECT_FOLDER / "src"
    ten = re.compile(
        r"\b10[ -]minutes?\b|ten minutes|\b(mins|minutes) ?=>? ?10\b|\b600\.0\b", re.IGNORECASE
    )
    files = [
        *source.rglob("*.sql*"),
        *source.rglob("*.py"),
        *source.glob("pipeline/report/templates/*.html"),
        *source.glob("pipeline/report/static/*.js"),
    ]
    named = [file.name for file in files for _ in ten.findall(file.read_text(encoding="utf-8"))]
    assert named == ["002_window_length.sql"]
