"""How a status looks: columns that keep their places, within 80 columns."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from pipeline.audit.verify import Promise
from pipeline.core.notation import Notation
from pipeline.operations.status import OldTransaction, Status, StreamStatus
from pipeline.report.display import (
    StatusContext,
    promise_lines,
    short_count,
    short_duration,
    short_rate,
    status_line,
    status_view,
)

NOW = datetime(2026, 11, 24, 14, 13, 48, tzinfo=UTC)
HEADER = "stream   received   merged duplicate conflict rejected  pending   rate    lag"
RUN = {
    "quality_run_id": 7,
    "verdict": "partly_blocked",
    "windows_published": 3,
    "windows_blocked": 1,
    "checks_passed": 19,
    "checks_failed": 1,
    "checks_errored": 0,
    "finished_at": NOW - timedelta(minutes=3),
}


def stream(name: str, count: int, seconds: float) -> StreamStatus:
    return StreamStatus(
        stream=name,
        received=count,
        merged=count,
        duplicate=count,
        conflict=count,
        rejected=count,
        pending=count,
        pending_since=NOW - timedelta(seconds=seconds),
        received_in_a_minute=count,
        merged_at=None,
    )


def status(count: int, seconds: float) -> Status:
    return Status(
        now=NOW,
        streams=[stream("claim", count, seconds), stream("diagnose", count, seconds)],
        due_windows=count,
        held_back=[],
        window_closes_at=NOW.replace(minute=20, second=0),
        last_run=None,
    )


def lines(found: Status, context: StatusContext, width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(status_view(found, context))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("count", "seconds", "row"),
    [
        (0, 0, "claim           0        0         0        0        0        0  0.0/s    0 s"),
        (30, 61, "claim          30       30        30       30       30       30  0.5/s   61 s"),
        (
            10_000_000,
            5940,
            "claim    10000000 10000000  10000000 10000000 10000000 10000000 167k/s    2 h",
        ),
    ],
)
def test_columns_keep_their_places(count: int, seconds: float, row: str) -> None:
    shown = lines(
        status(count, seconds), StatusContext({"database": "127.0.0.1:15432/doctor_office"})
    )
    assert shown[:2] == [HEADER, row]
    assert max(map(len, shown)) < 80
    assert not any("…" in line for line in shown)


def test_below_stand_run_checks_windows_addresses_and_what_to_press() -> None:
    held_back = [NOW.replace(hour=hour, minute=0) for hour in (9, 10, 11)]
    found = replace(status(0, 0), last_run=RUN, due_windows=4, held_back=held_back)
    context = StatusContext(
        {"pages": "http://localhost:8081"},
        next_run=NOW.replace(minute=20, second=5),
        hint="Ctrl-C drains and stops.",
        trouble="The database doesn't answer.",
    )
    shown = lines(found, context)
    assert shown[4:] == [
        "last run     7, 14:10:48 UTC: partly blocked; windows published 3, held back 1",
        "checks       19 passed, 1 failed",
        "windows due  4",
        "held back    2026-11-24 09:00, 2026-11-24 10:00 UTC and 1 more; why: explain",
        "             window 2026-11-24T09:00Z",
        "next window  closes 14:20 UTC, in 6:12; next run 14:20:05, in 6:17",
        "pages        http://localhost:8081",
        "",
        "The database doesn't answer.",
        "",
        "Ctrl-C drains and stops.",
    ]


@pytest.mark.parametrize(
    ("pid", "text"),
    [
        (4711, "open for 12 min, process 4711 in other;"),
        (None, "open for 12 min, prepared in other; ROLLBACK PREPARED ends it"),
    ],
)
def test_an_old_transaction_is_named(pid: int | None, text: str) -> None:
    old = OldTransaction("other", pid, NOW - timedelta(minutes=12))
    found = replace(status(0, 0), old_transaction=old)
    assert any(line.startswith(f"transaction  {text}") for line in lines(found, StatusContext({})))
    assert f"; transaction {text}" in status_line(found)
    assert "transaction" not in status_line(status(0, 0))


def test_what_is_hours_away_is_said_in_hours() -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    found = replace(status(0, 0), window_closes_at=midnight)
    assert "closes 00:00 UTC, in 9:46:12" in "\n".join(lines(found, StatusContext({})))


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (99_999_999, "99999999"), (100_000_000, "100M")]
)
def test_counts_stay_short(count: int, text: str) -> None:
    assert short_count(count) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.5, "0.5/s"), (99.94, "99.9/s"), (99.96, "100/s"), (9999.4, "9999/s"), (9999.6, "10k/s")],
)
def test_rates_stay_short(rate: float, text: str) -> None:
    assert short_rate(rate) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (98.4, "98 s"),
        (120, "2 min"),
        (5939, "99 min"),
        (7200, "2 h"),
        (864000, "10 d"),
    ],
)
def test_times_stay_short(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text


def test_promises_go_on_below_themselves_in_a_terminal() -> None:
    kept = Promise("a", "every figure equals a recompute", ["analytics"], 0, [])
    example = {"id": 1, "is_clean": False}
    broken = Promise("b", "every claim is merged", ["merge", "analytics"], 1, [example])
    lines = promise_lines([kept, broken], office="office")
    assert lines == [
        "ok     every figure equals a recompute",
        "BROKEN every claim is merged",
        "         id=1, is_clean=False",
        "       To mend it: office merge",
        "             then: office analytics",
    ]
    assert promise_lines([kept, broken], width=25, office="office") == [
        "ok     every figure",
        "       equals a recompute",
        "BROKEN every claim is",
        "       merged",
        "         id=1,",
        "         is_clean=False",
        "       To mend it: office",
        "       merge",
        "             then: office",
        "             analytics",
    ]


def test_what_no_command_mends_is_said() -> None:
    lost = Promise("a", "every file is there", [], 1, [])
    assert promise_lines([lost])[-1] == (
        "       To mend it: no command does; bring back what is missing from a backup"
    )


def test_times_are_those_of_the_practice_s_zone() -> None:
    notation = Notation(ZoneInfo("Europe/Berlin"))
    found = replace(status(0, 0), last_run=RUN, held_back=[NOW.replace(minute=0, second=0)])
    context = StatusContext({}, next_run=NOW + timedelta(minutes=7), notation=notation)
    shown = " ".join("\n".join(lines(found, context)).split())
    assert "7, 15:10:48 CET: partly blocked" in shown
    assert "closes 15:20 CET, in 6:12; next run 15:20:48" in shown
    assert "2026-11-24 15:00 Europe/Berlin; why: explain window 2026-11-24T15:00+01:00" in shown
    assert status_line(found, notation).startswith("15:13:48 ")
    assert "window closes 15:20;" in status_line(found, notation)
    broken = Promise("promise", "A promise.", [], 1, [{"window_start": NOW}])
    assert promise_lines([broken], notation=notation)[1].endswith(
        "window_start=2026-11-24 15:13:48+01:00"
    )
