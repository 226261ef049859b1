"""Groups published figures for the pages: by window, hour, day and month."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from pipeline.core.window import window_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


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
    """A day (UTC) with figures: totals by category, and the time of the newest publication."""

    start: datetime
    totals: dict[str, Total]
    windows: int
    last_window_end: datetime
    published_at: datetime
    first_run: int
    last_run: int

    @property
    def name(self) -> str:
        """The day as it stands in a page's address."""
        return f"{self.start:%Y-%m-%d}"

    @property
    def month(self) -> str:
        """The month as it stands in a download's address."""
        return month_of(self.name)


def month_of(day: str) -> str:
    """The month of a day's name."""
    return day[: len("2026-05")]


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
    """Every window of a period in the order of time, also those without figures."""
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


def groups_of(windows: Iterable[Window], unit: str) -> list[Group]:
    """Groups windows by the hour or by the day that they start in."""
    length = HOUR if unit == "hour" else DAY
    by_start = groupby(windows, lambda window: window_of(window.start, length))
    return [_group(start, list(of_group)) for start, of_group in by_start]


def days_of(rows: Iterable[Any]) -> list[DayTotals]:
    """Makes days from rows, one row per day and category, sorted by both."""
    by_day = groupby(rows, attrgetter("day_start"))
    return [_day(start.astimezone(UTC), list(of_day)) for start, of_day in by_day]


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
    start = since
    while start < until:
        yield start
        start += length


def _group(start: datetime, windows: list[Window]) -> Group:
    return Group(start=start, windows=windows, totals=window_totals(windows))


def _day(start: datetime, rows: list[Any]) -> DayTotals:
    return DayTotals(
        start=start,
        totals={row.category: Total(row.revenue, row.claims) for row in rows},
        windows=max(row.windows for row in rows),
        last_window_end=max(row.last_window_end for row in rows).astimezone(UTC),
        published_at=max(row.published_at for row in rows).astimezone(UTC),
        first_run=min(row.first_run for row in rows),
        last_run=max(row.last_run for row in rows),
    )
