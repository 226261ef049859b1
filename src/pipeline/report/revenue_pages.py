"""The revenue pages: the last 24 hours, one page per day, and all days; each with downloads."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

from pipeline.core.files import replace_file
from pipeline.core.local_time import DAY, day_start
from pipeline.core.notation import Notation
from pipeline.core.statements import Cursor, fetch_all
from pipeline.core.window import next_window
from pipeline.report.charts import days_chart, windows_chart
from pipeline.report.downloads import write_downloads
from pipeline.report.figures import (
    DayTotals,
    Window,
    day_totals,
    days_of,
    groups_of,
    local_days,
    month_of,
    unit_of_groups,
    window_totals,
    windows_between,
)
from pipeline.report.site import read_stamps, render, stamp_of

# The chart of all days shows this many days; more bars would be too narrow to see.
DAYS_DRAWN = 92

STAMPS = ".days.json"


@dataclass(frozen=True)
class PageContext:
    """What every page of figures needs besides its own figures."""

    categories: dict[str, list[str]]
    """The tracked diagnosis codes, by category."""
    blocked: list[datetime]
    """The windows that are held back now."""
    releases: dict[datetime, Any]
    """The manual releases that are still in force, by window."""
    last_run: Any
    """The last analytics run that ended; None if none has ended."""
    first_run_page: int
    """The oldest run that has a page."""
    adminer: str | None
    """The address of Adminer; None if it is not set."""
    notation: Notation
    """How times and amounts are written."""
    window_length: timedelta
    """The length of a window."""
    are_many: bool = False
    """Whether ids are per office, so that there is a page of revenue by office."""


@dataclass(frozen=True)
class DayPage:
    """A day with figures, and the days with figures before and after it."""

    earlier: DayTotals | None
    day: DayTotals
    later: DayTotals | None

    @property
    def until(self) -> datetime:
        """The end of the day's page: the end of the day; on the last day, of its newest window."""
        return self.day.end if self.later else self.day.last_window_end


def build_revenue_pages(
    cursor: Cursor, folder: Path, context: PageContext, *, now: datetime
) -> datetime:
    """Builds the page of the last 24 hours, of all days, and of each day that has changed.

    Returns:
        The start of the last 24 hours with figures.
    """
    days = _read_days(cursor, context.notation.zone)
    since = _build_last_day(cursor, folder, context, days, now=now)
    replace_file(folder / "days.html", _all_days_page(days, context, now=now))
    _build_changed_days(cursor, folder, context, days, now=now)
    return since


def _read_days(cursor: Cursor, zone: tzinfo) -> list[DayTotals]:
    utc_days = [row.day_start for row in fetch_all(cursor, "report/utc_days")]
    days = local_days(utc_days, zone)
    starts = [day_start(day, zone) for day in days]
    return days_of(fetch_all(cursor, "report/days", {"starts": starts}), days, zone)


def _build_last_day(
    cursor: Cursor, folder: Path, context: PageContext, days: list[DayTotals], *, now: datetime
) -> datetime:
    until = days[-1].last_window_end if days else now
    since = until - DAY
    figures = _read_figures(cursor, since, until)
    write_downloads(folder / "revenue", figures, context.notation)
    windows = _read_windows(cursor, figures, context, since, until) if days else []
    page = render(
        "revenue.html",
        depth=0,
        now=now,
        notation=context.notation,
        **_figures_shown(windows, context),
    )
    replace_file(folder / "index.html", page)
    return since


def _build_changed_days(
    cursor: Cursor, folder: Path, context: PageContext, days: list[DayTotals], *, now: datetime
) -> None:
    day_pages = _day_pages(days)
    stamps = {day_page.day.name: _stamp(day_page, context) for day_page in day_pages}
    built = read_stamps(folder / STAMPS, folder / "days")
    changed = [
        day_page
        for day_page in day_pages
        if built.get(day_page.day.name) != stamps[day_page.day.name]
    ]
    for day_page in changed:
        _build_day(cursor, folder, context, day_page, now=now)
    months = {day.month for day in days}
    gone = _files_without_figures(folder / "days", {day.name for day in days})
    renewed = {day_page.day.month for day_page in changed} | {month_of(file.stem) for file in gone}
    for month in sorted(renewed & months):
        since, until = _bounds_of(month, context.notation.zone)
        figures = _read_figures(cursor, since, until)
        write_downloads(folder / "months" / month, figures, context.notation)
    for file in gone + _files_without_figures(folder / "months", months):
        file.unlink(missing_ok=True)
    replace_file(folder / STAMPS, json.dumps(stamps))


def _files_without_figures(folder: Path, names: set[str]) -> list[Path]:
    """The pages and downloads of days or months that are not among the names."""
    # The name of a file that is being written begins with a dot.
    return [file for file in folder.glob("[0-9]*") if file.stem not in names]


def _build_day(
    cursor: Cursor, folder: Path, context: PageContext, day_page: DayPage, *, now: datetime
) -> None:
    since, until = day_page.day.start, day_page.until
    figures = _read_figures(cursor, since, until)
    write_downloads(folder / "days" / day_page.day.name, figures, context.notation)
    windows = _read_windows(cursor, figures, context, since, until)
    page = render(
        "day.html",
        depth=1,
        now=now,
        notation=context.notation,
        day_page=day_page,
        **_figures_shown(windows, context),
    )
    replace_file(folder / "days" / f"{day_page.day.name}.html", page)


def _day_pages(days: list[DayTotals]) -> list[DayPage]:
    """Each day between its neighbours."""
    neighbours = pairwise(pairwise([None, *days, None]))
    return [DayPage(earlier, day, later) for (earlier, day), (_, later) in neighbours if day]


def _stamp(day_page: DayPage, context: PageContext) -> str:
    """A hash of all that the day's page shows: it changes when the page would change."""
    return stamp_of(
        context.categories,
        context.adminer,
        context.notation,
        context.window_length,
        day_page.earlier and day_page.earlier.name,
        day_page.day,
        day_page.later and day_page.later.name,
        # The oldest run of the day that has a page to link to.
        min(max(context.first_run_page, day_page.day.first_run), day_page.day.last_run + 1),
        [window for window in context.blocked if day_page.day.start <= window < day_page.until],
        [
            release
            for window, release in context.releases.items()
            if day_page.day.start <= window < day_page.until
        ],
    )


def _bounds_of(month: str, zone: tzinfo) -> tuple[datetime, datetime]:
    first = date.fromisoformat(f"{month}-01")
    return day_start(first, zone), day_start((first + 31 * DAY).replace(day=1), zone)


def _read_figures(cursor: Cursor, since: datetime, until: datetime) -> list[Any]:
    return fetch_all(cursor, "report/figures", {"since": since, "until": until})


def _read_windows(
    cursor: Cursor, figures: list[Any], context: PageContext, since: datetime, until: datetime
) -> list[Window]:
    """The windows that start in a period. The last one can end after the period."""
    since, until = (next_window(each, context.window_length) for each in (since, until))
    claims = fetch_all(cursor, "report/claims_by_window", {"since": since, "until": until})
    return windows_between(
        since,
        until,
        length=context.window_length,
        figures=figures,
        claims=claims,
        blocked=context.blocked,
        releases=context.releases,
    )


def _figures_shown(windows: list[Window], context: PageContext) -> dict[str, Any]:
    """The template's values for the windows of a period."""
    published = [figure.published_at for window in windows for figure in window.figures.values()]
    unit = unit_of_groups(context.window_length)
    return {
        "context": context,
        "since": windows[0].start if windows else None,
        "until": windows[-1].end if windows else None,
        "unit": unit,
        "groups": groups_of(windows, unit, context.notation.zone),
        "totals": window_totals(windows),
        "blocked": [window.start for window in windows if window.is_blocked],
        "computed_at": max(published, default=None),
        "chart": windows_chart(windows, context.categories, context.notation),
    }


def _all_days_page(days: list[DayTotals], context: PageContext, *, now: datetime) -> str:
    by_month = groupby(reversed(days), attrgetter("month"))
    months = [(month, list(of_month)) for month, of_month in by_month]
    return render(
        "days.html",
        depth=0,
        now=now,
        notation=context.notation,
        context=context,
        months=[(month, day_totals(of_month), of_month) for month, of_month in months],
        days_drawn=min(len(days), DAYS_DRAWN),
        chart=days_chart(days[-DAYS_DRAWN:], context.categories, context.notation),
    )
