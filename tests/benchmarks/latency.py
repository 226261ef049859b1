"""(e) From an event's arrival until it is clean: the running ingestor, at a steady rate."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Final

from benchmarks.append import require_staged
from benchmarks.lab import OFFICE, Lab, connected, postmaster
from benchmarks.lines import Lines, make_lines
from benchmarks.results import Figure
from benchmarks.running import Process, batches, paced, processor_seconds, published
from benchmarks.turns import Plan

MEDIAN_SECONDS: Final = 0.05
P99_SECONDS: Final = 0.2
BUSY_RATE: Final = 10_000
BUSY_P99_SECONDS: Final = 0.5
"""From the busy rate on."""
KEPT_SHARE: Final = 0.99
"""Of the rate: what counts as kept up."""
MINUTE: Final = 60.0
LATE_SECONDS: Final = 300.0

# An event's arrival is when it was due; it is clean when its batch was committed.
LATENCIES: Final = """
    WITH raw_row AS (
        SELECT seq, stream, row_number() OVER (PARTITION BY stream ORDER BY seq) - 1 AS number
        FROM staging.event
    )

    SELECT
        count(*),
        percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (
            ORDER BY b.merged_at - (a.began_at + r.number / a.rate)
        )
    FROM raw_row AS r
    JOIN staging.outcome AS o ON r.seq = o.seq
    JOIN batch AS b ON o.run_id = b.run_id
    JOIN arrival AS a ON r.stream = a.stream
    """


@dataclass(frozen=True)
class Measured:
    """What one run showed; times in seconds."""

    median: float
    p99: float
    longest: float
    rate: float
    """Events a second that were taken."""
    most_pending: int
    processor_seconds: float
    """Of the ingestor and the server together, in a minute."""


def measure(lab: Lab, plan: Plan) -> Iterator[Figure]:
    """Each rate by itself, so many runs of it."""
    for rate in plan.rates:
        lines = make_lines(lab.new_folder("arriving"), round(rate * plan.seconds))
        runs = []
        for number in range(1, plan.runs + 1):
            runs.append(run(lab, lines, rate))
            lab.say(f"(e) {rate:,} events a second, {number} of {plan.runs}: {runs[-1]}")
        yield from figures(rate, runs)


def figures(rate: int, runs: list[Measured]) -> Iterator[Figure]:
    """What is said of a rate."""
    on = f"at {rate:,} a second"
    name = f"arrival to clean {on}"
    p99_aim = P99_SECONDS if rate < BUSY_RATE else BUSY_P99_SECONDS
    kept = KEPT_SHARE * rate
    spent = [run.processor_seconds for run in runs]
    yield Figure("e", f"{name}, p50", "s", [run.median for run in runs], MEDIAN_SECONDS)
    yield Figure("e", f"{name}, p99", "s", [run.p99 for run in runs], p99_aim)
    yield Figure("e", f"{name}, longest", "s", [run.longest for run in runs])
    yield Figure("e", f"taken {on}", "/s", [run.rate for run in runs], at_least=kept)
    yield Figure("e", f"most pending {on}", "", [float(run.most_pending) for run in runs])
    yield Figure("e", f"processor time of a minute {on}", "s", spent)


def run(lab: Lab, lines: Lines, rate: float) -> Measured:
    """One run in a fresh office; every event has to come out of it with an outcome."""
    with lab.fresh(OFFICE) as url:
        for file in lines.folder.glob("*.json"):
            file.unlink()
        server = postmaster(url)
        with paced(url, lines, rate) as ingestor:
            seconds = lines.events / rate
            before, began = spent(ingestor, server), time.monotonic()
            ingestor.wait_until(
                lambda: len(published(lines)) == len(lines.counts), seconds + LATE_SECONDS
            )
            ingestor.wait_until(
                lambda: sum(rows for _, _, rows, _ in batches(ingestor)) == lines.events,
                LATE_SECONDS,
            )
            merged = batches(ingestor)
            minutes = (time.monotonic() - began) / MINUTE
            processor = (spent(ingestor, server) - before) / minutes
            ingestor.stop()
        require_staged(url, lines.events)
        times = published(lines)
        median, p99, longest = latencies(url, lines, times, merged, rate)
    lasted = max(each["ended"] - each["began"] for each in times.values())
    pending = most_pending(lines, times, merged, rate)
    return Measured(median, p99, longest, lines.events / lasted, pending, processor)


def spent(ingestor: Process, server: int) -> float:
    """The processor seconds of both so far."""
    return processor_seconds(ingestor.pid) + processor_seconds(server)


def latencies(
    url: str,
    lines: Lines,
    times: dict[str, dict[str, float]],
    merged: list[tuple[str, int, int, float]],
    rate: float,
) -> tuple[float, float, float]:
    """Median, 99th percentile and longest, over every event, repeats too; in seconds."""
    of_each = rate / len(lines.counts)
    with connected(url) as opened, opened.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE batch (run_id bigint, merged_at float8)")
        told = "".join(f"{run_id}\t{at}\n" for _, run_id, _, at in merged)
        cursor.copy_expert("COPY batch FROM STDIN", StringIO(told))
        cursor.execute("CREATE TEMPORARY TABLE arrival (stream text, began_at float8, rate float8)")
        for stream, each in times.items():
            row = (stream, each["began"], of_each)
            cursor.execute("INSERT INTO arrival VALUES (%s, %s, %s)", row)
        cursor.execute(LATENCIES)
        [(events, (median, p99, longest))] = cursor.fetchall()
    if events != lines.events:
        raise RuntimeError(f"{events} outcomes for {lines.events} events")
    return median, p99, longest


def most_pending(
    lines: Lines,
    times: dict[str, dict[str, float]],
    merged: list[tuple[str, int, int, float]],
    rate: float,
) -> int:
    """The most events that had arrived and had no outcome; never more than just before a batch."""
    of_each, done, most = rate / len(lines.counts), 0, 0
    for _, _, rows, at in sorted(merged, key=lambda batch: batch[3]):
        arrived = sum(
            min(lines.counts[stream], max(0, int((at - each["began"]) * of_each) + 1))
            for stream, each in times.items()
        )
        most, done = max(most, arrived - done), done + rows
    return most
