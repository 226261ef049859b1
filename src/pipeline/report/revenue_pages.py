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
    unit_of_groups,
    window_totals,
    windows_between,
)
from pipeline.report.site import read_stamps, read_texts, remove_others, render, stamp_of

# The chart of all days shows this many days; more bars would be too narrow to see.
DAYS_DRAWN = 92

STAMPS = ".days.json"
# Keeps the part of each month in the page of all days. Only those of changed months are made again.
MONTHS = ".months.json"


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


def render_page(
    template: str, context: PageContext, *, now: datetime, depth: int = 0, **values: object
) -> str:
    """Fills in a template with figures, for a page `depth` folders below that of the pages."""
    notation = context.notation
    return render(template, depth=depth, now=now, notation=notation, context=context, **values)


def build_revenue_pages(
    cursor: Cursor, folder: Path, context: PageContext, *, now: datetime
) -> datetime:
    """Builds the page of the last 24 hours, of all days, and of each day that has changed.

    Returns:
        The start of the last 24 hours with figures.
    """
    days = _read_days(cursor, context.notation.zone)
    since = _build_last_day(cursor, folder, context, days, now=now)
    day_pages = _day_pages(days)
    stamps = _stamps(day_pages, context)
    renewed = _build_changed_days(cursor, folder, context, day_pages, stamps, now=now)
    parts = _build_changed_months(cursor, folder, context, days, renewed, now=now)
    replace_file(folder / "days.html", _all_days_page(days, parts, context, now=now))
    # Written last, so that a build that was broken off is done again.
    replace_file(folder / STAMPS, json.dumps(stamps))
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
    page = render_page("revenue.html", context, now=now, **_figures_shown(windows, context))
    replace_file(folder / "index.html", page)
    return since


def _build_changed_days(
    cursor: Cursor,
    folder: Path,
    context: PageContext,
    day_pages: list[DayPage],
    stamps: dict[str, str],
    *,
    now: datetime,
) -> set[str]:
    """Builds the pages that have changed, and removes those of days without figures.

    Returns:
        The months with a day whose page has changed.
    """
    built = read_stamps(folder / STAMPS, folder / "days")
    changed = [page for page in day_pages if built.get(page.day.name) != stamps[page.day.name]]
    for day_page in changed:
        _build_day(cursor, folder, context, day_page, now=now)
    remove_others(folder / "days", stamps.keys())
    # Where a day is gone, its neighbours have changed: they link to each other now.
    return {day_page.day.month for day_page in changed}


def _build_changed_months(
    cursor: Cursor,
    folder: Path,
    context: PageContext,
    days: list[DayTotals],
    renewed: set[str],
    *,
    now: datetime,
) -> dict[str, str]:
    """Builds the downloads of each month in which a day has changed, and its part of a page.

    Returns:
        The parts of the page of all days, by month, the newest first.
    """
    kept = read_texts(folder / MONTHS)
    parts = {}
    for month, of_month in groupby(reversed(days), attrgetter("month")):
        if month in renewed or month not in kept:
            _write_month(cursor, folder, context, month)
            parts[month] = _part_of_month(month, list(of_month), context, now=now)
        else:
            parts[month] = kept[month]
    remove_others(folder / "months", parts.keys())
    replace_file(folder / MONTHS, json.dumps(parts))
    return parts


def _write_month(cursor: Cursor, folder: Path, context: PageContext, month: str) -> None:
    since, until = _bounds_of(month, context.notation.zone)
    figures = _read_figures(cursor, since, until)
    write_downloads(folder / "months" / month, figures, context.notation)


def _part_of_month(
    month: str, days: list[DayTotals], context: PageContext, *, now: datetime
) -> str:
    totals = day_totals(days)
    return render_page("month.html", context, now=now, month=month, totals=totals, days=days)


def _build_day(
    cursor: Cursor, folder: Path, context: PageContext, day_page: DayPage, *, now: datetime
) -> None:
    since, until = day_page.day.start, day_page.until
    figures = _read_figures(cursor, since, until)
    write_downloads(folder / "days" / day_page.day.name, figures, context.notation)
    windows = _read_windows(cursor, figures, context, since, until)
    shown = _figures_shown(windows, context)
    page = render_page("day.html", context, now=now, depth=1, day_page=day_page, **shown)
    replace_file(folder / "days" / f"{day_page.day.name}.html", page)


def _day_pages(days: list[DayTotals]) -> list[DayPage]:
    """Each day between its neighbours."""
    neighbours = pairwise(pairwise([None, *days, None]))
    return [DayPage(earlier, day, later) for (earlier, day), (_, later) in neighbours if day]


def _stamps(day_pages: list[DayPage], context: PageContext) -> dict[str, str]:
    """For each day, a hash of all that its page shows: it changes when the page would change."""
    shared = stamp_of(context.categories, context.adminer, context.notation, context.window_length)
    return {
        day_page.day.name: stamp_of(shared, *_shown_on(day_page, context)) for day_page in day_pages
    }


def _shown_on(day_page: DayPage, context: PageContext) -> list[object]:
    """What the page of a day shows, without what the pages of all days show."""
    day = day_page.day
    return [
        day_page.earlier and day_page.earlier.name,
        day,
        day_page.later and day_page.later.name,
        # The oldest run of the day that has a page to link to.
        min(max(context.first_run_page, day.first_run), day.last_run + 1),
        [window for window in context.blocked if day.start <= window < day_page.until],
        [
            release
            for window, release in context.releases.items()
            if day.start <= window < day_page.until
        ],
    ]


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
        "since": windows[0].start if windows else None,
        "until": windows[-1].end if windows else None,
        "unit": unit,
        "groups": groups_of(windows, unit, context.notation.zone),
        "totals": window_totals(windows),
        "blocked": [window.start for window in windows if window.is_blocked],
        "computed_at": max(published, default=None),
        "chart": windows_chart(windows, context.categories, context.notation),
    }


def _all_days_page(
    days: list[DayTotals], parts: dict[str, str], context: PageContext, *, now: datetime
) -> str:
    return render_page(
        "days.html",
        context,
        now=now,
        months=list(parts.values()),
        days_drawn=min(len(days), DAYS_DRAWN),
        chart=days_chart(days[-DAYS_DRAWN:], context.categories, context.notation),
    )
