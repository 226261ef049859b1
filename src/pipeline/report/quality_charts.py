"""The data of the data-quality charts: a row of bars per measure, over runs or over hours."""

from datetime import datetime, timedelta, tzinfo
from typing import Any

from pipeline.core.contract import FATES
from pipeline.core.local_time import hour_start
from pipeline.core.notation import Notation

HOURS_SHOWN = 24

# The measures of a run, each with its title and its tone.
OF_RUN = {
    "windows_published": ("Windows published", "good"),
    "windows_blocked": ("Windows held back", "bad"),
    "passed": ("Checks passed", "good"),
    "failed_warning": ("Warnings failed", "warn"),
    "failed_critical": ("Critical checks failed", "bad"),
    "errored": ("Checks that broke", "bad"),
}

Drawing = dict[str, Any]


def trend_drawings(runs: list[dict[str, Any]], notation: Notation) -> list[Drawing]:
    """A drawing per measure, with a bar per run, the oldest first."""
    return [
        {
            "id": measure,
            "title": title,
            "tone": tone,
            "bars": [_bar_of_run(run, measure, title, notation) for run in reversed(runs)],
        }
        for measure, (title, tone) in OF_RUN.items()
    ]


def _bar_of_run(
    run: dict[str, Any], measure: str, title: str, notation: Notation
) -> dict[str, Any]:
    number, ended = run["quality_run_id"], notation.minute(run["finished_at"])
    return {
        "at": str(number),
        "value": run[measure],
        "text": f"Run {number}, {ended}. {title}: {run[measure]:,}",
        "link": f"runs/{number}.html",
    }


def last_hours(now: datetime, zone: tzinfo) -> list[datetime]:
    """The local hours that are shown, the oldest first; the last one has not ended."""
    hours = [hour_start(now, zone)]
    while len(hours) < HOURS_SHOWN:
        hours.append(hour_start(hours[-1] - timedelta(microseconds=1), zone))
    return hours[::-1]


def volume_table(
    volume: list[Any], streams: list[str], hours: list[datetime]
) -> dict[datetime, dict[str, dict[str, int]]]:
    """The number of raw rows by hour, stream and fate; 0 if none was merged.

    Args:
        volume: each row names its hour by its place among the hours; the first place is 1.
        streams: the names of the streams.
        hours: in the order of time.
    """
    found = {(hours[row.hour_number - 1], row.stream): row._asdict() for row in volume}
    return {
        hour: {
            stream: {fate: found.get((hour, stream), {}).get(fate, 0) for fate in FATES}
            for stream in streams
        }
        for hour in hours
    }


def volume_drawings(
    table: dict[datetime, dict[str, dict[str, int]]], notation: Notation
) -> list[Drawing]:
    """A drawing per stream and fate, with a bar per hour."""
    streams = next(iter(table.values()))
    tones = {"conflict": "warn", "rejected": "warn"}
    return [
        {
            "id": f"{stream}-{fate}",
            "title": f"{stream}: {fate}",
            "tone": tones.get(fate, "good"),
            "bars": [
                {
                    "at": notation.minute(hour),
                    "value": by_stream[stream][fate],
                    "text": (
                        f"{notation.minute(hour)}, {stream}: {by_stream[stream][fate]:,} {fate}"
                    ),
                }
                for hour, by_stream in table.items()
            ],
        }
        for stream in streams
        for fate in FATES
    ]
