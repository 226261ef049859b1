"""What the quality page's script draws."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.core.notation import IN_UTC, Notation
from pipeline.report.quality_charts import last_hours, trend_drawings, volume_drawings, volume_table

BERLIN = Notation(ZoneInfo("Europe/Berlin"))
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Row(NamedTuple):
    stream: str
    hour_number: int
    merged: int
    duplicate: int
    conflict: int
    rejected: int


def test_the_last_hours_end_with_the_one_under_way() -> None:
    hours = last_hours(NOON + timedelta(minutes=34, seconds=5), IN_UTC.zone)
    assert len(hours) == 24
    assert (hours[0], hours[-1]) == (NOON - timedelta(hours=23), NOON)


def test_an_hour_that_comes_twice_has_two_bars_and_one_that_is_left_out_has_none() -> None:
    autumn = last_hours(datetime(2026, 10, 25, 3, 30, tzinfo=UTC), BERLIN.zone)
    assert len(autumn) == 24
    assert [BERLIN.clock(hour) for hour in autumn[-4:]] == [
        "02:00+02:00",
        "02:00+01:00",
        "03:00",
        "04:00",
    ]
    spring = last_hours(datetime(2027, 3, 28, 12, 30, tzinfo=UTC), BERLIN.zone)
    assert [BERLIN.clock(hour) for hour in spring[10:14]] == ["00:00", "01:00", "03:00", "04:00"]
    table = volume_table([], ["claim"], spring)
    [first, *_] = volume_drawings(table, BERLIN)
    assert len({bar["at"] for bar in first["bars"]}) == 24


def test_hours_without_a_batch_are_0() -> None:
    hours = [NOON - timedelta(hours=1), NOON]
    table = volume_table([Row("claim", 2, 4, 3, 2, 1)], ["claim", "diagnose"], hours)
    nothing = {"merged": 0, "duplicate": 0, "conflict": 0, "rejected": 0}
    assert table == {
        hours[0]: {"claim": nothing, "diagnose": nothing},
        NOON: {
            "claim": {"merged": 4, "duplicate": 3, "conflict": 2, "rejected": 1},
            "diagnose": nothing,
        },
    }
    drawings = {drawing["id"]: drawing for drawing in volume_drawings(table, IN_UTC)}
    assert len(drawings) == 8
    assert [bar["value"] for bar in drawings["claim-duplicate"]["bars"]] == [0, 3]
    assert [bar["at"] for bar in drawings["claim-duplicate"]["bars"]] == [
        "2026-05-04 11:00",
        "2026-05-04 12:00",
    ]


def test_the_trend_has_a_bar_per_run_and_measure_the_oldest_first() -> None:
    counts = {"passed": 20, "failed_warning": 1, "failed_critical": 0, "errored": 0}
    windows = {"windows_published": 2, "windows_blocked": 0, "finished_at": NOON}
    runs = [{"quality_run_id": number, **windows, **counts} for number in (9, 7)]
    drawings = {drawing["id"]: drawing for drawing in trend_drawings(runs, IN_UTC)}
    assert set(drawings) == {*counts, "windows_published", "windows_blocked"}
    first, last = drawings["failed_warning"]["bars"]
    assert (first["at"], last["at"], last["value"], last["link"]) == ("7", "9", 1, "runs/9.html")
    assert last["text"] == "Run 9, 2026-05-04 12:00. Warnings failed: 1"
