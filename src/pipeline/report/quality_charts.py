"""The data of the data-quality charts: a row of bars per measure, over runs or over hours."""

from datetime import datetime, timedelta
from typing import Any

from pipeline.core.contract import FATES

HOUR = timedelta(hours=1)
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


def trend_drawings(runs: list[dict[str, Any]]) -> list[Drawing]:
    """A drawing per measure, with a bar per run, the oldest first."""
    return [
        {
            "id": measure,
            "title": title,
            "tone": tone,
            "bars": [_bar_of_run(run, measure, title) for run in reversed(runs)],
        }
        for measure, (title, tone) in OF_RUN.items()
    ]


def _bar_of_run(run: dict[str, Any], measure: str, title: str) -> dict[str, Any]:
    number = run["quality_run_id"]
    return {
        "at": str(number),
        "value": run[measure],
        "text": f"Run {number}, {run['finished_at']:%Y-%m-%d %H:%M}. {title}: {run[measure]:,}",
        "link": f"runs/{number}.html",
    }


def last_hours(now: datetime) -> list[datetime]:
    """The hours that are shown, the oldest first; the last one has not ended."""
    current = now.replace(minute=0, second=0, microsecond=0)
    return [current - (HOURS_SHOWN - 1 - number) * HOUR for number in range(HOURS_SHOWN)]


def volume_table(
    volume: list[Any], streams: list[str], hours: list[datetime]
) -> dict[datetime, dict[str, dict[str, int]]]:
    """The number of raw rows by hour, stream and fate; 0 if none was merged."""
    found = {(row.hour_start, row.stream): row._asdict() for row in volume}
    return {
        hour: {
            stream: {fate: found.get((hour, stream), {}).get(fate, 0) for fate in FATES}
            for stream in streams
        }
        for hour in hours
    }


def volume_drawings(table: dict[datetime, dict[str, dict[str, int]]]) -> list[Drawing]:
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
                    "at": f"{hour:%H}",
                    "value": by_stream[stream][fate],
                    "text": f"{hour:%Y-%m-%d %H:%M}, {stream}: {by_stream[stream][fate]:,} {fate}",
                }
                for hour, by_stream in table.items()
            ],
        }
        for stream in streams
        for fate in FATES
    ]
