"""Local days and hours, in zones whose clocks change at every hour that one can think of."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.core.local_time import DAY, day_of, day_start, hour_start, moments_of
from pipeline.core.notation import Notation
from pipeline.core.window import EARLIEST

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

# A day on which the clocks change, and how many hours it has.
CHANGES = [
    ("UTC", date(2026, 10, 25), 24),
    ("Europe/Berlin", date(2026, 10, 25), 25),
    ("Europe/Berlin", date(2027, 3, 28), 23),
    ("Asia/Kolkata", date(2026, 10, 25), 24),
    # By half an hour.
    ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
    ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
    # There is no midnight.
    ("America/Sao_Paulo", date(2018, 11, 4), 23),
    ("Africa/Cairo", date(2026, 4, 24), 23),
    ("Asia/Beirut", date(2026, 3, 29), 23),
    ("America/Santiago", date(2026, 9, 6), 23),
    # At midnight, the last hour of the day comes once more.
    ("America/Sao_Paulo", date(2018, 2, 17), 25),
    ("Africa/Cairo", date(2026, 10, 29), 25),
    # Midnight itself comes twice.
    ("America/Havana", date(2026, 11, 1), 25),
    ("Atlantic/Azores", date(2026, 10, 25), 25),
    # A minute after midnight, an hour of the day before comes once more.
    ("America/St_Johns", date(2006, 10, 29), 25),
    # The whole day is left out.
    ("Pacific/Apia", date(2011, 12, 30), 0),
]


@pytest.mark.parametrize(("name", "day", "hours"), CHANGES)
def test_a_day_is_as_long_as_it_is_and_each_moment_lies_in_one(
    name: str, day: date, hours: float
) -> None:
    zone = ZoneInfo(name)
    start, end = day_start(day, zone), day_start(day + DAY, zone)
    assert end - start == hours * HOUR
    assert start.tzinfo is UTC
    moment = start - 3 * HOUR
    while moment < end + 3 * HOUR:
        found = day_of(moment, zone)
        assert day_start(found, zone) <= moment < day_start(found + DAY, zone)
        assert (found == day) == (start <= moment < end)
        moment += 5 * MINUTE


@pytest.mark.parametrize(
    ("name", "since", "hours"),
    [
        (
            "Europe/Berlin",
            datetime(2026, 10, 24, 23, tzinfo=UTC),
            ["01:00", "02:00+02:00", "02:00+01:00", "03:00"],
        ),
        ("Europe/Berlin", datetime(2027, 3, 28, 0, tzinfo=UTC), ["01:00", "03:00", "04:00"]),
        ("Asia/Kolkata", datetime(2026, 5, 4, 0, tzinfo=UTC), ["05:00", "06:00", "07:00"]),
        (
            "Australia/Lord_Howe",
            datetime(2026, 4, 4, 14, tzinfo=UTC),
            ["01:00", "01:30+10:30", "02:00"],
        ),
        (
            "Australia/Lord_Howe",
            datetime(2026, 10, 3, 15, tzinfo=UTC),
            ["01:00", "02:30", "03:00", "04:00"],
        ),
    ],
)
def test_an_hour_begins_when_it_is_full_or_when_the_clocks_change(
    name: str, since: datetime, hours: list[str]
) -> None:
    notation = Notation(ZoneInfo(name))
    starts = {hour_start(since + number * 10 * MINUTE, notation.zone) for number in range(6 * 6)}
    assert [notation.clock(start) for start in sorted(starts)][: len(hours)] == hours


def test_the_first_day_of_all_is_the_first_in_any_zone() -> None:
    for name in ("America/New_York", "Asia/Tokyo", "UTC"):
        zone = ZoneInfo(name)
        assert day_start(date.min, zone) == EARLIEST
        assert day_of(EARLIEST, zone) == date.min
        assert Notation(zone).minute(EARLIEST)


@pytest.mark.parametrize(
    ("name", "written", "moments"),
    [
        ("Europe/Berlin", "2026-05-04T12:00", ["2026-05-04T10:00"]),
        ("Europe/Berlin", "2026-10-25T02:30", ["2026-10-25T00:30", "2026-10-25T01:30"]),
        ("Europe/Berlin", "2027-03-28T02:30", []),
        ("Europe/Berlin", "2027-03-28T03:00", ["2027-03-28T01:00"]),
        ("Africa/Cairo", "2026-04-24T00:00", []),
        ("UTC", "2026-10-25T02:30", ["2026-10-25T02:30"]),
    ],
)
def test_clocks_show_a_time_once_twice_or_never(
    name: str, written: str, moments: list[str]
) -> None:
    found = moments_of(datetime.fromisoformat(written), ZoneInfo(name))
    assert [f"{moment:%Y-%m-%dT%H:%M}" for moment in found] == moments
