"""Figures put together for people."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from pipeline.core.notation import IN_UTC
from pipeline.core.window import window_of
from pipeline.report.charts import days_chart, windows_chart
from pipeline.report.figures import (
    Total,
    Window,
    day_totals,
    days_of,
    groups_of,
    unit_of_groups,
    window_totals,
    windows_between,
)

WINDOW = timedelta(minutes=10)
NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)


def figure(start: datetime, category: str, revenue: str, claims: int = 1) -> SimpleNamespace:
    return SimpleNamespace(
        window_start=start,
        category=category,
        revenue=Decimal(revenue),
        claims=claims,
        patients=1,
    )


def windows() -> list[Window]:
    """An hour and a window, of which one is held back and one without a claim."""
    return windows_between(
        NINE,
        NINE + 7 * WINDOW,
        length=WINDOW,
        figures=[
            figure(NINE, "Amnesia", "0.10"),
            figure(NINE, "Asthma", "0.00", claims=0),
            figure(NINE + 5 * WINDOW, "Amnesia", "0.20", claims=3),
            figure(NINE + 6 * WINDOW, "Amnesia", "7.00"),
        ],
        claims=[SimpleNamespace(window_start=NINE, claims=4, price=Decimal(9))],
        blocked=[NINE + 2 * WINDOW],
        releases={NINE + 5 * WINDOW: "a release"},
    )


def test_every_window_of_the_period_is_there_with_what_is_known_of_it() -> None:
    found = windows()
    assert [window.start for window in found] == [NINE + n * WINDOW for n in range(7)]
    assert [len(window.figures) for window in found] == [2, 0, 0, 0, 0, 1, 1]
    assert [window.is_blocked for window in found] == [False, False, True, *[False] * 4]
    assert [window.release for window in found] == [*[None] * 5, "a release", None]
    assert found[0].all_claims == Total(Decimal(9), 4)
    assert found[1].all_claims == Total(Decimal(0), 0)


def test_totals_are_exact_and_of_those_that_have_a_figure() -> None:
    first, second = groups_of(windows(), "hour", IN_UTC.zone)
    assert (first.start, len(first.windows)) == (NINE, 6)
    assert first.totals == {
        "Amnesia": Total(Decimal("0.30"), 4),
        "Asthma": Total(Decimal("0.00"), 0),
    }
    assert second.totals == {"Amnesia": Total(Decimal("7.00"), 1)}
    assert window_totals(windows())["Amnesia"] == Total(Decimal("7.30"), 5)


@pytest.mark.parametrize(
    ("minutes", "unit", "groups"),
    [
        (10, "hour", [("04T09:00", 6), ("04T10:00", 6)]),
        (30, "hour", [("04T09:00", 2), ("04T10:00", 2), ("04T11:00", 2)]),
        (40, "day", [("04T00:00", 3)]),
        (60, "day", [("04T00:00", 4)]),
        (360, "day", [("04T00:00", 3), ("05T00:00", 4), ("06T00:00", 1)]),
        (1440, "day", [("04T00:00", 1), ("05T00:00", 1)]),
    ],
)
def test_windows_are_grouped_by_hours_that_hold_several_whole_ones_else_by_days(
    minutes: int, unit: str, groups: list[tuple[str, int]]
) -> None:
    length = timedelta(minutes=minutes)
    since = window_of(NINE, length)
    found = windows_between(
        since,
        since + sum(count for _, count in groups) * length,
        length=length,
        figures=[],
        claims=[],
        blocked=[],
        releases={},
    )
    assert unit_of_groups(length) == unit
    grouped = groups_of(found, unit, IN_UTC.zone)
    assert [(f"{group.start:%dT%H:%M}", len(group.windows)) for group in grouped] == groups


def test_a_chart_tells_zero_from_nothing_and_nothing_from_held_back() -> None:
    chart = windows_chart(windows(), ["Amnesia", "Asthma"], IN_UTC)
    assert [bar["text"] for bar in chart["bars"]] == ["0.10", "0.00", "0.20", "7.00"]
    assert [bar["link"] for bar in chart["bars"]][-1] == "#w20260504T1000"
    assert [blank["why"] for blank in chart["blanks"]] == [
        "no claim",
        "held back",
        "no claim",
        "no claim",
    ]
    assert chart["labels"] == [{"at": 1777885200000, "text": "09:00"}]
    assert chart["bars"][0]["when"] == "2026-05-04 09:00 to 09:10"
    assert windows_chart([], ["Amnesia"], IN_UTC)["labels"] == []


def test_days_carry_their_totals_and_lead_to_their_pages() -> None:
    rows = [
        SimpleNamespace(
            day_number=number + 1,
            category=category,
            revenue=Decimal(number),
            claims=number,
            windows=windows_of_day,
            last_window_end=NINE + timedelta(days=number),
            published_at=NINE,
            first_run=7,
            last_run=8,
        )
        for number in range(2)
        for category, windows_of_day in (("Amnesia", 3), ("Asthma", 4))
    ]
    days = days_of(rows, [date(2026, 5, 4), date(2026, 5, 5)], IN_UTC.zone)
    assert [(day.name, day.month, day.windows) for day in days] == [
        ("2026-05-04", "2026-05", 4),
        ("2026-05-05", "2026-05", 4),
    ]
    assert day_totals(days)["Asthma"] == Total(Decimal(1), 1)
    bars = days_chart(days, ["Amnesia", "Asthma"], IN_UTC)["bars"]
    assert [bar["link"] for bar in bars[::2]] == ["days/2026-05-04.html", "days/2026-05-05.html"]
