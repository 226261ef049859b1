"""(h) The memory of each process, after its first minute and in the end, at 100 times the pace."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

import psycopg2

from benchmarks.lab import OFFICE, Lab
from benchmarks.lines import EVENTS, SEED, Lines
from benchmarks.recompute import write_timed
from benchmarks.results import Figure
from benchmarks.running import Process, paced, started
from benchmarks.turns import Plan
from pipeline.core.settings import PROJECT_FOLDER, Settings

TIMES: Final = 100
FLAT: Final = 1.1
FIRST_SECONDS: Final = 60.0
SAMPLE_SECONDS: Final = 1.0
SAMPLES: Final = 10
"""Of which the median is taken, at either time."""
PUBLISH_SECONDS: Final[float] = Settings.model_fields["publish_seconds"].default
ANALYTICS_SECONDS: Final = 600.0
"""A new database's windows are of 10 minutes."""
DUPLICATE_SHARE: Final[float] = Settings.model_fields["duplicate_share"].default
SERVER: Final = "PostgreSQL's connections"

CONNECTIONS: Final = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> ''
    """


def measure(lab: Lab, plan: Plan) -> Iterator[Figure]:
    """The processes as they run, each after the first minute and in the end."""
    rate = TIMES * len(EVENTS) / PUBLISH_SECONDS
    lines = make_office_time_lines(lab, round(rate * plan.memory_seconds))
    with lab.fresh(OFFICE) as url, analytics(lab, url) as job:
        job.wait_until_logged('event="analytics run ended"')
        with paced(url, lines, rate) as ingestor:
            samples = list(watch(url, {"ingestor": ingestor, "analytics": job}, plan))
            ingestor.stop()
        job.stop()
    first_seconds = min(FIRST_SECONDS, plan.memory_seconds / 2)
    for name in samples[0][1]:
        first = megabytes(samples, name, first_seconds)
        last = megabytes(samples, name, plan.memory_seconds)
        lab.say(f"(h) {name}: {first:.1f} MB after {first_seconds:g} s, {last:.1f} MB in the end")
        yield Figure("h", f"{name}, after {first_seconds:g} s", "MB", [first])
        yield Figure(
            "h",
            f"{name}, after {plan.memory_seconds:g} s at {TIMES} times the pace, to the former",
            "",
            [last / first],
            FLAT,
        )


def analytics(lab: Lab, url: str) -> Any:  # noqa: ANN401
    """The analytics job, its cycle as much shorter."""
    folder = lab.new_folder("analytics")
    folder.mkdir()
    environment = {
        "DATABASE_URL": url,
        "OFFICE_ANALYTICS_SECONDS": str(ANALYTICS_SECONDS / TIMES),
        "OFFICE_ANALYTICS_GRACE_SECONDS": "0",
        "OFFICE_REPORTS": str(folder / "reports"),
    }
    program = str(PROJECT_FOLDER / "src" / "analytics.py")
    return started("analytics", program, folder=folder, **environment)


def make_office_time_lines(lab: Lab, events: int) -> Lines:
    """Events that carry times of a clock that runs as much faster, and ends about now.

    So windows close one after the other, and analytics has one to compute at nearly every cycle.
    """
    folder = lab.new_folder("office_time")
    folder.mkdir()
    lines = Lines(folder, 1, dict.fromkeys(EVENTS, events // len(EVENTS)))
    pace = timedelta(seconds=PUBLISH_SECONDS)
    first_at = datetime.now(UTC) - events // len(EVENTS) * pace
    for stream, count in lines.counts.items():
        payloads = EVENTS[stream](1, Random(f"{SEED} {stream}"), duplicate_share=DUPLICATE_SHARE)
        write_timed(
            lines.file(stream),
            islice(payloads, count),
            lambda number: first_at + number * pace,
        )
    return lines


Sample = tuple[float, dict[str, float]]


def watch(url: str, processes: dict[str, Process], plan: Plan) -> Iterator[Sample]:
    """Seconds since the beginning, and the MB of each process and of the server's for them."""
    began = time.monotonic()
    with closing(psycopg2.connect(url)) as asking:
        asking.autocommit = True
        while (passed := time.monotonic() - began) < plan.memory_seconds:
            own = {name: resident(process.pid, "VmRSS") for name, process in processes.items()}
            with asking.cursor() as cursor:
                cursor.execute(CONNECTIONS)
                # What they share is the server's buffers, whose size is a setting.
                shared_out = sum(resident(pid, "RssAnon") for (pid,) in cursor.fetchall())
            yield passed, {**own, SERVER: shared_out}
            time.sleep(SAMPLE_SECONDS)


def resident(pid: int, field: str) -> float:
    """MB of a process; 0 where it is gone."""
    try:
        told = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in told.splitlines() if line.startswith(field))


def megabytes(samples: list[Sample], name: str, until: float) -> float:
    """The median of the last samples taken by then."""
    return median([found[name] for passed, found in samples if passed <= until][-SAMPLES:])
