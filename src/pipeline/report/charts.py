"""The data of the revenue charts: bars by category over time, and the gaps between them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pipeline.report.figures import DAY, DayTotals, Total, Window

Chart = dict[str, Any]


def windows_chart(windows: list[Window], categories: Iterable[str]) -> Chart:
    """A bar for each window and category, also if it is 0; a blank for a window without figures."""
    bars = [
        _bar(
            window.start,
            window.end,
            category,
            Total(figure.revenue, figure.claims),
            link=f"#{window.anchor}",
            patients=figure.patients,
        )
        for window in windows
        for category, figure in window.figures.items()
    ]
    blanks = [_blank(window) for window in windows if not window.figures]
    ends = [time for window in windows for time in (window.start, window.end)]
    return _chart(ends, categories, bars, blanks)


def days_chart(days: list[DayTotals], categories: Iterable[str]) -> Chart:
    """A bar per day and category."""
    bars = [
        _bar(day.start, day.start + DAY, category, total, link=f"days/{day.name}.html")
        for day in days
        for category, total in day.totals.items()
    ]
    ends = [time for day in days for time in (day.start, day.start + DAY)]
    return _chart(ends, categories, bars, [])


def _chart(
    ends: list[datetime], categories: Iterable[str], bars: list[Chart], blanks: list[Chart]
) -> Chart:
    return {
        "since": min(ends).isoformat() if ends else None,
        "until": max(ends).isoformat() if ends else None,
        "categories": list(categories),
        "bars": bars,
        "blanks": blanks,
    }


def _bar(start: datetime, end: datetime, category: str, total: Total, **more: str | int) -> Chart:
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "category": category,
        # The height of the bar may be rounded as a float; the text is exact.
        "revenue": float(total.revenue),
        "text": f"{total.revenue:,.2f}",
        "claims": total.claims,
        **more,
    }


def _blank(window: Window) -> Chart:
    return {
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "why": "held back" if window.is_blocked else "no claim",
    }
