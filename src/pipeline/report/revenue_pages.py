"""The revenue pages: the last 24 hours, a page a day, all days; each with its downloads."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

from pipeline.core.files import replace_file
from pipeline.core.statements import Cursor, fetch_all
from pipeline.report.charts import days_chart, windows_chart
from pipeline.report.downloads import write_downloads
from pipeline.report.figures import (
    DAY,
    DayTotals,
    Window,
    day_totals,
    days_of,
    groups_of,
    unit_of_groups,
    window_totals,
    windows_between,
)
from pipeline.report.site import read_stamps, render, stamp_of

# Of all days, as many are drawn as can be told apart.
DAYS_DRAWN = 92

STAMPS = ".days.json"


@dataclass(frozen=True)
class Surroundings:
    """What every page of figures shows beside its own."""

    categories: dict[str, list[str]]
    """The tracked codes, by category."""
    blocked: list[datetime]
    """The windows held back at present."""
    releases: dict[datetime, Any]
    """The releases by hand that stand, by window."""
    last_run: Any
    """The last analytics run that ended; None where none has."""
    first_run_page: int
    """The oldest run that has a page."""
    adminer: str | None
    """Where Adminer answers; None where nobody said."""
    window_length: timedelta
    """The length of a window."""
    are_many: bool = False
    """Whether there are many offices, and a page of them."""


@dataclass(frozen=True)
class DayPage:
    """A day between the days with figures before and after it."""

    earlier: DayTotals | None
    day: DayTotals
    later: DayTotals | None

    @property
    def until(self) -> datetime:
        """Where the day's page ends: what comes after the last figure of all, nobody knows."""
        return self.day.start + DAY if self.later else self.day.last_window_end


def build_revenue_pages(
    cursor: Cursor, folder: Path, around: Surroundings, *, now: datetime
) -> datetime:
    """Builds the last 24 hours, all days, and the page of each day that changed since its own.

    Returns:
        When the last 24 hours with figures began.
    """
    days = days_of(fetch_all(cursor, "report/days"))
    since = _build_last_day(cursor, folder, around, days, now=now)
    replace_file(folder / "days.html", _all_days_page(days, around, now=now))
    _build_changed_days(cursor, folder, around, days, now=now)
    return since


def _build_last_day(
    cursor: Cursor, folder: Path, around: Surroundings, days: list[DayTotals], *, now: datetime
) -> datetime:
    until = days[-1].last_window_end if days else now
    since = until - DAY
    figures = _read_figures(cursor, since, until)
    write_downloads(folder / "revenue", figures)
    windows = _read_windows(cursor, figures, around, since, until) if days else []
    page = render("revenue.html", depth=0, now=now, **_figures_shown(windows, around))
    replace_file(folder / "index.html", page)
    return since


def _build_changed_days(
    cursor: Cursor, folder: Path, around: Surroundings, days: list[DayTotals], *, now: datetime
) -> None:
    day_pages = _day_pages(days)
    stamps = {day_page.day.name: _stamp(day_page, around) for day_page in day_pages}
    built = read_stamps(folder / STAMPS, folder / "days")
    changed = [
        day_page
        for day_page in day_pages
        if built.get(day_page.day.name) != stamps[day_page.day.name]
    ]
    for day_page in changed:
        _build_day(cursor, folder, around, day_page, now=now)
    for month in sorted({day_page.day.month for day_page in changed}):
        since, until = _bounds_of(month)
        write_downloads(folder / "months" / month, _read_figures(cursor, since, until))
    replace_file(folder / STAMPS, json.dumps(stamps))


def _build_day(
    cursor: Cursor, folder: Path, around: Surroundings, day_page: DayPage, *, now: datetime
) -> None:
    since, until = day_page.day.start, day_page.until
    figures = _read_figures(cursor, since, until)
    write_downloads(folder / "days" / day_page.day.name, figures)
    windows = _read_windows(cursor, figures, around, since, until)
    page = render(
        "day.html", depth=1, now=now, day_page=day_page, **_figures_shown(windows, around)
    )
    replace_file(folder / "days" / f"{day_page.day.name}.html", page)


def _day_pages(days: list[DayTotals]) -> list[DayPage]:
    """Each day between its neighbours."""
    around = pairwise(pairwise([None, *days, None]))
    return [DayPage(earlier, day, later) for (earlier, day), (_, later) in around if day]


def _stamp(day_page: DayPage, around: Surroundings) -> str:
    """Differs where the day's page built now would differ from one built before."""
    return stamp_of(
        around.categories,
        around.adminer,
        around.window_length,
        day_page.earlier and day_page.earlier.name,
        day_page.day,
        day_page.later and day_page.later.name,
        # Which of the day's runs have a page to lead to.
        min(max(around.first_run_page, day_page.day.first_run), day_page.day.last_run + 1),
        [window for window in around.blocked if day_page.day.start <= window < day_page.until],
        [
            release
            for window, release in around.releases.items()
            if day_page.day.start <= window < day_page.until
        ],
    )


def _bounds_of(month: str) -> tuple[datetime, datetime]:
    since = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return since, (since + 31 * DAY).replace(day=1)


def _read_figures(cursor: Cursor, since: datetime, until: datetime) -> list[Any]:
    return fetch_all(cursor, "report/figures", {"since": since, "until": until})


def _read_windows(
    cursor: Cursor, figures: list[Any], around: Surroundings, since: datetime, until: datetime
) -> list[Window]:
    claims = fetch_all(cursor, "report/claims_by_window", {"since": since, "until": until})
    return windows_between(
        since,
        until,
        length=around.window_length,
        figures=figures,
        claims=claims,
        blocked=around.blocked,
        releases=around.releases,
    )


def _figures_shown(windows: list[Window], around: Surroundings) -> dict[str, Any]:
    """What a page shows of a period's windows."""
    published = [figure.published_at for window in windows for figure in window.figures.values()]
    unit = unit_of_groups(around.window_length)
    return {
        "around": around,
        "since": windows[0].start if windows else None,
        "until": windows[-1].end if windows else None,
        "unit": unit,
        "groups": groups_of(windows, unit),
        "totals": window_totals(windows),
        "blocked": [window.start for window in windows if window.is_blocked],
        "computed_at": max(published, default=None),
        "chart": windows_chart(windows, around.categories),
    }


def _all_days_page(days: list[DayTotals], around: Surroundings, *, now: datetime) -> str:
    by_month = groupby(reversed(days), attrgetter("month"))
    months = [(month, list(of_month)) for month, of_month in by_month]
    return render(
        "days.html",
        depth=0,
        now=now,
        around=around,
        months=[(month, day_totals(of_month), of_month) for month, of_month in months],
        days_drawn=min(len(days), DAYS_DRAWN),
        chart=days_chart(days[-DAYS_DRAWN:], around.categories),
    )
