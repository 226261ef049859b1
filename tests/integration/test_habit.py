"""What arrived lately, compared with the last weeks: quiet as usual, and loud on a change.

The weeks are batches as the merge records them, a minute each, with the shares of the practice that
the simulated office imitates: 9.4 % conflicts, 0.1 % rejected, hardly a duplicate.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from integration.suites import OfficeWithSuites, copy_suites
from integration.test_plans import relations, scans
from pipeline.core.database import Database
from pipeline.core.settings import Settings
from pipeline.core.statements import Cursor
from pipeline.quality.cycle import run_cycle

pytestmark = [
    # The library and its own dependencies, not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SEED = 16
MINUTE = timedelta(minutes=1)
RUN = 10 * MINUTE
"""The time between two analytics runs."""
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
STREAMS = ("claim", "diagnose")
SHARES = {"duplicate": 0.00005, "conflict": 0.094, "rejected": 0.001}
BERLIN = ZoneInfo("Europe/Berlin")

FEWER = "No stream brings much less than usual at this hour and weekday."
REJECTED = "No more is rejected than usual at this hour and weekday."
CONFLICTS = "No more contradicts an earlier row of its id than usual at this hour and weekday."
DUPLICATES = "No more is sent again unchanged than usual at this hour and weekday."

COLUMNS = "stream, is_sweep, started_at, finished_at, merged, duplicate, conflict, rejected"
# Each run is looked at by itself, so that the tests are quick.
HABITS = """
    CREATE TEMPORARY TABLE habit ON COMMIT DROP AS
    SELECT r.until, h.* FROM unnest(%s::timestamptz[]) AS r (until)
    CROSS JOIN LATERAL analytics.compare_with_habit(r.until, %s) AS h
"""


class UndoneError(Exception):
    """Ends a transaction without a trace."""


@contextmanager
def undone(database: Database) -> Iterator[Cursor]:
    """A transaction that is undone."""
    with suppress(UndoneError), database.transaction() as cursor:
        yield cursor
        raise UndoneError


def imitate(
    since: datetime,
    until: datetime,
    *,
    seed: int = SEED,
    a_minute: float = 30,
    streams: tuple[str, ...] = STREAMS,
    busy: Callable[[datetime], float] = lambda _: 1,
    **shares: float,
) -> str:
    """The batches of a time, one a minute and stream, as COPY reads them.

    Args:
        since: when it begins.
        until: when it ends.
        seed: another seed gives other counts.
        a_minute: raw rows of a stream in a minute, on average.
        streams: those that go on.
        busy: how busy the practice is at a time: 1 as usual, 0 if it is closed.
        shares: fates with another share than usual.
    """
    fates = {**SHARES, **shares}
    minutes = [since + n * MINUTE for n in range((until - since) // MINUTE)]
    # A time of another length has other counts.
    chance = np.random.default_rng([seed, len(minutes)])
    pace = [a_minute * busy(at) for at in minutes]
    return "".join(
        f"{stream}\tf\t{at}\t{at}\t" + "\t".join(map(str, row)) + "\n"
        for stream in streams
        for at, row in zip(
            minutes,
            chance.multinomial(
                chance.poisson(pace), [1 - sum(fates.values()), *fates.values()]
            ).tolist(),
            strict=True,
        )
        if sum(row)
    )


def record(cursor: Cursor, *batches: str) -> None:
    """Records batches as if the merge had done so."""
    for each in batches:
        cursor.copy_expert(f"COPY staging.merge_run ({COLUMNS}) FROM STDIN", StringIO(each))


def runs_between(since: datetime, until: datetime) -> list[datetime]:
    """The runs of a time, five seconds after each window."""
    return [since + n * RUN + timedelta(seconds=5) for n in range(1, (until - since) // RUN + 1)]


def warnings(
    cursor: Cursor, runs: list[datetime], zone: str = "UTC"
) -> dict[datetime, set[tuple[str, str]]]:
    """The checks that fail in each run where any does, as the suite says it, and their streams."""
    cursor.execute(HABITS, (runs, zone))
    found: dict[datetime, set[tuple[str, str]]] = {}
    for name, query in suite_queries().items():
        assert query.startswith("SELECT stream FROM {batch} ")
        cursor.execute(query.format(batch="habit").replace("stream", "until, stream", 1))
        for run, stream in cursor.fetchall():
            found.setdefault(run, set()).add((stream, name))
    cursor.execute("DROP TABLE habit")
    return found


def suite_queries() -> dict[str, str]:
    suite = json.loads((Settings().expectations / "habit.json").read_text())
    assert {each["severity"] for each in suite["expectations"]} == {"warning"}
    return {
        each["description"]: each["kwargs"]["unexpected_rows_query"]
        for each in suite["expectations"]
    }


def both(name: str) -> set[tuple[str, str]]:
    return {(stream, name) for stream in STREAMS}


# --- three weeks, and what becomes of them ---

# So that a change, and the runs that see it, are in the past.
UNTIL = datetime.now(UTC).replace(second=0, microsecond=0) - 2 * RUN


@pytest.fixture(scope="module")
def practice(shared_database_url: str) -> Iterator[Database]:
    """Three quiet weeks of the practice."""
    with closing(Database(shared_database_url)) as database:
        weeks = imitate(UNTIL - 3 * WEEK, UNTIL)
        with database.transaction() as cursor:
            record(cursor, weeks)
            cursor.execute("SELECT brin_summarize_new_values('staging.merge_run_finished_at')")
        database.run(lambda cursor: cursor.execute("ANALYZE staging.merge_run"))
        yield database


def make_quick(cursor: Cursor) -> None:
    """For thousands of runs at once: the block range index reads some thousand batches for each."""
    cursor.execute("CREATE INDEX ON staging.merge_run (finished_at)")
    cursor.execute("ANALYZE staging.merge_run")


def test_three_quiet_weeks_bring_no_warning(practice: Database) -> None:
    with undone(practice) as cursor:
        make_quick(cursor)
        assert warnings(cursor, runs_between(UNTIL - 3 * WEEK, UNTIL)) == {}


CHANGES: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "nothing": ({}, set()),
    "conflicts double": ({"conflict": 2 * SHARES["conflict"]}, both(CONFLICTS)),
    "rejects rise to 5 %": ({"rejected": 0.05}, both(REJECTED)),
    "both streams fall to half": ({"a_minute": 15}, both(FEWER)),
    "duplicates appear": ({"duplicate": 0.05}, both(DUPLICATES)),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_told_within_two_runs_and_nothing_else(
    practice: Database, change: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    with undone(practice) as cursor:
        record(cursor, imitate(UNTIL, UNTIL + 2 * RUN, **change))
        found = warnings(cursor, runs_between(UNTIL, UNTIL + 2 * RUN))
    assert set().union(*found.values()) == expected


@pytest.mark.parametrize("a_minute", [15, 0])
def test_a_stream_that_falls_while_the_other_goes_on_is_named(
    practice: Database, a_minute: float
) -> None:
    with undone(practice) as cursor:
        record(cursor, imitate(UNTIL, UNTIL + 2 * RUN, streams=("claim",)))
        record(cursor, imitate(UNTIL, UNTIL + 2 * RUN, streams=("diagnose",), a_minute=a_minute))
        [(_, found)] = warnings(cursor, runs_between(UNTIL + RUN, UNTIL + 2 * RUN)).items()
    assert found == {("diagnose", FEWER)}


def test_a_pause_of_both_streams_is_no_fall_nor_is_what_follows(practice: Database) -> None:
    with undone(practice) as cursor:
        record(cursor, imitate(UNTIL + 37 * MINUTE, UNTIL + 9 * RUN))
        assert warnings(cursor, runs_between(UNTIL, UNTIL + 9 * RUN)) == {}


def test_a_large_file_loaded_in_one_week_moves_nothing(practice: Database) -> None:
    with undone(practice) as cursor:
        file = "('claim', false, %(at)s, %(at)s, 500000, 0, 0, 500000)"
        at = {"at": UNTIL - WEEK}
        cursor.execute(f"INSERT INTO staging.merge_run ({COLUMNS}) VALUES {file}", at)
        record(cursor, imitate(UNTIL, UNTIL + 2 * RUN))
        assert warnings(cursor, runs_between(UNTIL, UNTIL + 2 * RUN)) == {}


@pytest.mark.parametrize(("conflict", "expected"), [(0.094, set()), (0.4, {CONFLICTS})])
def test_a_run_warns_of_it_and_holds_nothing_back(
    practice: Database, tmp_path: Path, conflict: float, expected: set[str]
) -> None:
    office = OfficeWithSuites(practice, copy_suites(tmp_path / "suites"), tmp_path / "reports")
    checker = office.make_checker()
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    try:
        fill(practice, imitate(now - 2 * RUN, now, conflict=conflict))
        result = run_cycle(practice, checker, now=now, batch_size=1000)
    finally:
        with practice.transaction() as cursor:
            cursor.execute("DELETE FROM staging.merge_run WHERE finished_at >= %s", (UNTIL,))
    failed = {check.check_name: check.rows_at_fault for check in result.failures}
    assert failed == dict.fromkeys(expected, len(STREAMS))
    assert not result.found_something_wrong


def test_the_weeks_are_found_by_index(practice: Database) -> None:
    with undone(practice) as cursor:
        # As many batches as two years have at one each 2 s would take too long to write.
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM analytics.compare_with_habit(%s, 'UTC')",
            (UNTIL,),
        )
        [(explained,)] = cursor.fetchall()
    plan = explained[0]["Plan"]
    assert relations(plan) <= {"merge_run", "merge_cursor"}
    assert relations(plan) >= {"merge_run"}
    ways = {scan["Node Type"] for scan in scans(plan) if scan["Relation Name"] == "merge_run"}
    assert ways == {"Bitmap Heap Scan"}


# --- other practices ---


def evaluate(
    database: Database, since: datetime, until: datetime, zone: str = "UTC"
) -> dict[datetime, set[tuple[str, str]]]:
    with undone(database) as cursor:
        make_quick(cursor)
        return warnings(cursor, runs_between(since, until), zone)


MONDAY = datetime(2026, 5, 4, tzinfo=UTC)


def fill(database: Database, *batches: str) -> None:
    with database.transaction() as cursor:
        record(cursor, *batches)


def test_a_new_practice_is_left_alone_until_much_is_wrong(database: Database) -> None:
    fill(database, imitate(MONDAY, MONDAY + 3 * DAY))
    assert evaluate(database, MONDAY, MONDAY + 3 * DAY) == {}
    with undone(database) as cursor:
        end = MONDAY + 3 * DAY
        record(cursor, imitate(end, end + 2 * RUN, conflict=0.4, rejected=0.15))
        found = warnings(cursor, runs_between(end, end + 2 * RUN))
    assert set().union(*found.values()) == both(CONFLICTS) | both(REJECTED)


@pytest.mark.parametrize("a_minute", [0.02, 0.2, 2])
def test_a_small_practice_is_not_cried_over(database: Database, a_minute: float) -> None:
    fill(database, imitate(MONDAY, MONDAY + 2 * WEEK + 2 * DAY, a_minute=a_minute))
    assert evaluate(database, MONDAY + 2 * WEEK, MONDAY + 2 * WEEK + 2 * DAY) == {}


def test_weeks_that_are_all_alike_leave_room_for_chance(database: Database) -> None:
    fill(database, imitate(MONDAY, MONDAY + DAY))
    with database.transaction() as cursor:
        cursor.execute(f"""
            INSERT INTO staging.merge_run ({COLUMNS})
            SELECT stream, is_sweep, started_at + n * interval '7 days',
                finished_at + n * interval '7 days', merged, duplicate, conflict, rejected
            FROM staging.merge_run CROSS JOIN generate_series(1, 3) AS n
            """)
    fill(database, imitate(MONDAY + 4 * WEEK, MONDAY + 4 * WEEK + DAY, seed=SEED + 1))
    assert evaluate(database, MONDAY + 4 * WEEK, MONDAY + 4 * WEEK + DAY) == {}


def test_a_holiday_is_quiet_and_so_is_the_day_a_week_later(database: Database) -> None:
    def busy(at: datetime) -> float:
        return 0 if MONDAY + 2 * WEEK <= at < MONDAY + 2 * WEEK + DAY else 1

    end = MONDAY + 3 * WEEK + DAY
    fill(database, imitate(MONDAY, end, busy=busy))
    assert evaluate(database, MONDAY + 2 * WEEK - DAY / 4, MONDAY + 2 * WEEK + 5 * DAY / 4) == {}
    assert evaluate(database, end - DAY, end) == {}
    with undone(database) as cursor:
        # The holiday is no week to compare with: the other ones still say what is usual.
        record(cursor, imitate(end, end + 2 * RUN, a_minute=15))
        found = warnings(cursor, runs_between(end, end + 2 * RUN))
    assert set().union(*found.values()) == both(FEWER)


@pytest.mark.parametrize("day", [datetime(2026, 10, 25), datetime(2027, 3, 28)])  # noqa: DTZ001
def test_a_practice_keeps_its_hours_where_the_clock_is_changed(
    database: Database, day: datetime
) -> None:
    def busy(at: datetime) -> float:
        """Open from 8 to 18 on workdays by the clock there; the first and last hour are slow."""
        there = at.astimezone(BERLIN)
        is_open = 8 <= there.hour < 18 and there.isoweekday() <= 5
        return is_open * (0.3 if there.hour in {8, 17} else 1)

    changed = day.replace(tzinfo=UTC)
    fill(database, imitate(changed - 3 * WEEK, changed + 3 * DAY, busy=busy))
    assert evaluate(database, changed - 2 * DAY, changed + 3 * DAY, "Europe/Berlin") == {}
    # By the hours of UTC, a slow hour would be compared with one that is not slow.
    assert evaluate(database, changed + DAY, changed + 2 * DAY, "UTC") != {}
