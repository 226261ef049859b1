"""The data of the revenue charts: bars by category over time, and the gaps between them."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from math import ceil
from typing import Any

from pipeline.core.local_time import hour_start, local_time
from pipeline.core.notation import Notation
from pipeline.report.figures import HOUR, DayTotals, Total, Window

# A label every so many hours, and at most so many days with a label.
HOURS_BETWEEN_LABELS = 3
DAYS_LABELLED = 12

Chart = dict[str, Any]


def windows_chart(windows: list[Window], categories: Iterable[str], notation: Notation) -> Chart:
    """A bar for each window and category, also if it is 0; a blank for a window without figures."""
    bars = [
        _bar(
            window.start,
            window.end,
            category,
            Total(figure.revenue, figure.claims),
            notation,
            when=_span(window, notation),
            link=f"#{window.anchor}",
            patients=figure.patients,
        )
        for window in windows
        for category, figure in window.figures.items()
    ]
    blanks = [_blank(window, notation) for window in windows if not window.figures]
    labels = _hour_labels(windows[0].start, windows[-1].end, notation.zone) if windows else []
    return _chart(labels, categories, bars, blanks)


def days_chart(days: list[DayTotals], categories: Iterable[str], notation: Notation) -> Chart:
    """A bar per day and category."""
    bars = [
        _bar(
            day.start,
            day.end,
            category,
            total,
            notation,
            when=day.name,
            link=f"days/{day.name}.html",
        )
        for day in days
        for category, total in day.totals.items()
    ]
    labelled = days[:: ceil(len(days) / DAYS_LABELLED) or 1]
    form = "%-d %b" if len({day.date.year for day in days}) <= 1 else "%-d %b %Y"
    labels = [_label(day.start, f"{day.date:{form}}") for day in labelled]
    return _chart(labels, categories, bars, [])


def _chart(
    labels: list[Chart], categories: Iterable[str], bars: list[Chart], blanks: list[Chart]
) -> Chart:
    return {
        "labels": labels,
        "categories": list(categories),
        "bars": bars,
        "blanks": blanks,
    }


def _hour_labels(since: datetime, until: datetime, zone: tzinfo) -> list[Chart]:
    """The labels of the time axis, because a script only knows UTC and the zone of the browser."""
    moments = (since + number * HOUR / 2 for number in range(2 * ((until - since) // HOUR) + 1))
    full_hours = sorted({hour_start(moment, zone) for moment in moments})
    return [
        _label(start, f"{local:%H:%M}" if local.hour else f"{local:%-d %b}")
        for start in full_hours
        for local in (local_time(start, zone),)
        if start >= since and local.minute == 0 and local.hour % HOURS_BETWEEN_LABELS == 0
    ]


def _label(moment: datetime, text: str) -> Chart:
    return {"at": round(moment.timestamp() * 1000), "text": text}


def _span(window: Window, notation: Notation) -> str:
    start, end = window.start, window.end
    return f"{notation.minute(start)} to {notation.end(start, end)}"


def _bar(
    start: datetime,
    end: datetime,
    category: str,
    total: Total,
    notation: Notation,
    **more: str | int,
) -> Chart:
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "category": category,
        # The height of the bar may be rounded as a float; the text is exact.
        "revenue": float(total.revenue),
        "text": notation.money(total.revenue),
        "claims": total.claims,
        **more,
    }


def _blank(window: Window, notation: Notation) -> Chart:
    return {
        "when": _span(window, notation),
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "why": "held back" if window.is_blocked else "no claim",
    }
