"""Groups published figures for the pages: by window, and by local hour, day and month.

A window belongs to the hour and to the day in which it starts.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from pipeline.core.local_time import DAY, day_of, day_start, days_between, hour_start
from pipeline.core.window import next_window

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Total:
    """Revenue and claims of a category over a period."""

    revenue: Decimal
    claims: int


@dataclass(frozen=True)
class Window:
    """A window on a page: its figures by category, or the reason why it has none."""

    start: datetime
    end: datetime
    """The end. A claim at this moment belongs to the next window."""
    figures: Mapping[str, Any]
    all_claims: Total
    """All claims of the window, of all patients."""
    is_blocked: bool
    release: Any
    """The manual release behind these figures; None if they passed the checks."""

    @property
    def anchor(self) -> str:
        """The HTML id of its row."""
        return f"w{self.start:%Y%m%dT%H%M}"


@dataclass(frozen=True)
class Group:
    """An hour or a day on a page: its windows, and their totals by category."""

    start: datetime
    windows: list[Window]
    totals: dict[str, Total]


@dataclass(frozen=True)
class DayTotals:
    """A local day with figures: totals by category, and the time of the newest publication."""

    date: date
    start: datetime
    end: datetime
    """The end: the start of the next day. The day can have 23 or 25 hours."""
    totals: dict[str, Total]
    windows: int
    last_window_end: datetime
    published_at: datetime
    first_run: int
    last_run: int

    @property
    def hours(self) -> float:
        """The number of its hours."""
        return (self.end - self.start) / HOUR

    @property
    def name(self) -> str:
        """The day as it stands in a page's address."""
        return self.date.isoformat()

    @property
    def month(self) -> str:
        """The month as it stands in a download's address."""
        return self.name[: len("2026-05")]


def windows_between(
    since: datetime,
    until: datetime,
    *,
    length: timedelta,
    figures: Iterable[Any],
    claims: Iterable[Any],
    blocked: Iterable[datetime],
    releases: Mapping[datetime, Any],
) -> list[Window]:
    """Every window that starts in a period, in the order of time, also those without figures."""
    by_window = {
        start: {figure.category: figure for figure in of_window}
        for start, of_window in groupby(figures, attrgetter("window_start"))
    }
    all_claims = {row.window_start: Total(row.price, row.claims) for row in claims}
    blocked = set(blocked)
    return [
        Window(
            start=start,
            end=start + length,
            figures=by_window.get(start, {}),
            all_claims=all_claims.get(start, Total(Decimal(0), 0)),
            is_blocked=start in blocked,
            release=releases.get(start),
        )
        for start in _starts(since, until, length)
    ]


def unit_of_groups(length: timedelta) -> str:
    """The unit that groups windows in a table: `hour` if several windows fill one, else `day`."""
    return "hour" if length < HOUR and not HOUR % length else "day"


def groups_of(windows: Iterable[Window], unit: str, zone: tzinfo) -> list[Group]:
    """Groups windows by the local hour or by the local day that they start in."""
    begin = hour_start if unit == "hour" else _start_of_day_of
    by_start = groupby(windows, lambda window: begin(window.start, zone))
    return [_group(start, list(of_group)) for start, of_group in by_start]


def _start_of_day_of(moment: datetime, zone: tzinfo) -> datetime:
    return day_start(day_of(moment, zone), zone)


def local_days(utc_days: Iterable[datetime], zone: tzinfo) -> list[date]:
    """The local days, in the order of time, that share a moment with days in UTC.

    Args:
        utc_days: the beginnings of the days.
        zone: the time zone of the local days.
    """
    last_moment = DAY - timedelta(microseconds=1)
    shared = (days_between(start, start + last_moment, zone) for start in utc_days)
    return sorted({day for days in shared for day in days})


def days_of(rows: Iterable[Any], days: list[date], zone: tzinfo) -> list[DayTotals]:
    """Makes days from rows, one row per day and category, sorted by both.

    Args:
        rows: each names its day by its place among the days; the first place is 1.
        days: local days, in the order of time.
        zone: the time zone of the days.
    """
    by_place = groupby(rows, attrgetter("day_number"))
    return [_day(days[place - 1], zone, list(of_day)) for place, of_day in by_place]


def window_totals(windows: Iterable[Window]) -> dict[str, Total]:
    """Totals of windows by category; a category without a figure is left out."""
    return _totals(
        (category, Total(figure.revenue, figure.claims))
        for window in windows
        for category, figure in window.figures.items()
    )


def day_totals(days: Iterable[DayTotals]) -> dict[str, Total]:
    """Totals of days by category; a category without a figure is left out."""
    return _totals(item for day in days for item in day.totals.items())


def _totals(parts: Iterable[tuple[str, Total]]) -> dict[str, Total]:
    totals: dict[str, Total] = {}
    for category, part in parts:
        so_far = totals.get(category, Total(Decimal(0), 0))
        totals[category] = Total(so_far.revenue + part.revenue, so_far.claims + part.claims)
    return totals


def _starts(since: datetime, until: datetime, length: timedelta) -> Iterator[datetime]:
    start = next_window(since, length)
    while start < until:
        yield start
        start += length


def _group(start: datetime, windows: list[Window]) -> Group:
    return Group(start=start, windows=windows, totals=window_totals(windows))


def _day(day: date, zone: tzinfo, rows: list[Any]) -> DayTotals:
    return DayTotals(
        date=day,
        start=day_start(day, zone),
        end=day_start(day + DAY, zone),
        totals={row.category: Total(row.revenue, row.claims) for row in rows},
        windows=max(row.windows for row in rows),
        last_window_end=max(row.last_window_end for row in rows).astimezone(UTC),
        published_at=max(row.published_at for row in rows).astimezone(UTC),
        first_run=min(row.first_run for row in rows),
        last_run=max(row.last_run for row in rows),
    )
