"""How times and amounts are written for people."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from pipeline.core.notation import IN_UTC, Notation

BERLIN = Notation(ZoneInfo("Europe/Berlin"), "EUR")
NOON = datetime(2026, 5, 4, 12, 0, 5, 120_000, UTC)
# The clocks show both as 02:30.
FIRST, SECOND = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_times_are_local() -> None:
    assert BERLIN.minute(NOON) == "2026-05-04 14:00"
    assert BERLIN.second(NOON) == "2026-05-04 14:00:05"
    assert BERLIN.precise(NOON) == "2026-05-04 14:00:05.12"
    assert BERLIN.clock(NOON) == "14:00"
    assert BERLIN.second_of_day(NOON) == "14:00:05"
    assert BERLIN.time_of_day(NOON) == "14:00:05 CEST"
    assert BERLIN.clock_in_zone(NOON) == "14:00 CEST"
    assert BERLIN.iso(NOON) == "2026-05-04T14:00+02:00"
    assert IN_UTC.iso(NOON) == "2026-05-04T12:00Z"
    assert IN_UTC.clock_in_zone(NOON) == "12:00 UTC"


def test_a_time_that_comes_twice_is_written_with_its_offset() -> None:
    assert [BERLIN.clock(FIRST), BERLIN.clock(SECOND)] == ["02:30+02:00", "02:30+01:00"]
    assert BERLIN.minute(SECOND) == "2026-10-25 02:30+01:00"
    assert BERLIN.precise(SECOND) == "2026-10-25 02:30:00+01:00"
    assert BERLIN.minute(SECOND + timedelta(minutes=30)) == "2026-10-25 03:00"
    assert IN_UTC.minute(FIRST) == "2026-10-25 00:30"


def test_the_end_of_a_stretch_has_its_date_if_it_lasts_a_day() -> None:
    assert BERLIN.end(NOON, NOON + timedelta(hours=12)) == "02:00"
    assert BERLIN.end(NOON, NOON + timedelta(days=1)) == "2026-05-05 14:00"


@pytest.mark.parametrize(
    ("currency", "written"),
    [
        (None, "1,234.50"),
        ("EUR", "1,234.50 EUR"),
        # The database keeps two decimals, whatever the currency has: none is hidden or made up.
        ("JPY", "1,234.50 JPY"),
        ("KWD", "1,234.50 KWD"),
    ],
)
def test_an_amount_is_written_with_its_currency_and_all_its_digits(
    currency: str | None, written: str
) -> None:
    assert Notation(currency=currency).money(Decimal("1234.50")) == written
