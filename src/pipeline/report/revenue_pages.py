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
    Day,
    Window,
    day_totals,
    days_of,
    hours_of,
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
class Place:
    """A day between the days with figures before and after it."""

    earlier: Day | None
    day: Day
    later: Day | None

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
    cursor: Cursor, folder: Path, around: Surroundings, days: list[Day], *, now: datetime
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
    cursor: Cursor, folder: Path, around: Surroundings, days: list[Day], *, now: datetime
) -> None:
    places = _places(days)
    stamps = {place.day.name: _stamp(place, around) for place in places}
    built = read_stamps(folder / STAMPS, folder / "days")
    changed = [place for place in places if built.get(place.day.name) != stamps[place.day.name]]
    for place in changed:
        _build_day(cursor, folder, around, place, now=now)
    for month in sorted({place.day.month for place in changed}):
        since, until = _bounds_of(month)
        write_downloads(folder / "months" / month, _read_figures(cursor, since, until))
    replace_file(folder / STAMPS, json.dumps(stamps))


def _build_day(
    cursor: Cursor, folder: Path, around: Surroundings, place: Place, *, now: datetime
) -> None:
    since, until = place.day.start, place.until
    figures = _read_figures(cursor, since, until)
    write_downloads(folder / "days" / place.day.name, figures)
    windows = _read_windows(cursor, figures, around, since, until)
    page = render("day.html", depth=1, now=now, place=place, **_figures_shown(windows, around))
    replace_file(folder / "days" / f"{place.day.name}.html", page)


def _places(days: list[Day]) -> list[Place]:
    """Each day between its neighbours."""
    around = pairwise(pairwise([None, *days, None]))
    return [Place(earlier, day, later) for (earlier, day), (_, later) in around if day]


def _stamp(place: Place, around: Surroundings) -> str:
    """Differs where the day's page built now would differ from one built before."""
    return stamp_of(
        around.categories,
        around.adminer,
        around.window_length,
        place.earlier and place.earlier.name,
        place.day,
        place.later and place.later.name,
        # Which of the day's runs have a page to lead to.
        min(max(around.first_run_page, place.day.first_run), place.day.last_run + 1),
        [window for window in around.blocked if place.day.start <= window < place.until],
        [
            release
            for window, release in around.releases.items()
            if place.day.start <= window < place.until
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
    return {
        "around": around,
        "since": windows[0].start if windows else None,
        "until": windows[-1].end if windows else None,
        "hours": hours_of(windows),
        "totals": window_totals(windows),
        "blocked": [window.start for window in windows if window.is_blocked],
        "computed_at": max(published, default=None),
        "chart": windows_chart(windows, around.categories),
    }


def _all_days_page(days: list[Day], around: Surroundings, *, now: datetime) -> str:
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
