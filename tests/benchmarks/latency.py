"""(e) From an event's arrival until it is clean: the running ingestor, at a steady rate."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Final

from benchmarks.append import require_staged
from benchmarks.lab import OFFICE, Lab, connected
from benchmarks.lines import Lines, make_lines
from benchmarks.results import Figure
from benchmarks.running import batches, paced, published
from benchmarks.turns import Plan
from pipeline.core.settings import Settings

MERGE_SECONDS: Final[float] = Settings.model_fields["merge_seconds"].default
AIM_SECONDS: Final = 0.25
KEPT_SHARE: Final = 0.99
"""Of the rate: what counts as kept up."""
BOUNDED: Final = 1.5
"""How much more may be pending in the second half of the time than in the first."""
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
    most_pending: tuple[int, int]
    """In the first half of the time and in the second."""


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
    on = f"at {rate:,} events a second"
    beyond = [run.p99 - MERGE_SECONDS for run in runs]
    growth = [run.most_pending[1] / run.most_pending[0] for run in runs]
    pending = [float(max(run.most_pending)) for run in runs]
    kept = KEPT_SHARE * rate
    yield Figure("e", f"arrival to clean {on}, p50", "s", [run.median for run in runs])
    yield Figure("e", f"arrival to clean {on}, p99", "s", [run.p99 for run in runs])
    name = f"the same, beyond the {MERGE_SECONDS:g} s between merges"
    yield Figure("e", name, "s", beyond, AIM_SECONDS)
    yield Figure("e", f"arrival to clean {on}, longest", "s", [run.longest for run in runs])
    yield Figure("e", f"taken {on}", "/s", [run.rate for run in runs], at_least=kept)
    yield Figure("e", f"most pending {on}", "", pending)
    yield Figure("e", f"most pending {on}, second half to first", "", growth, BOUNDED)


def run(lab: Lab, lines: Lines, rate: float) -> Measured:
    """One run in a fresh office; every event has to come out of it with an outcome."""
    with lab.fresh(OFFICE) as url:
        for file in lines.folder.glob("*.json"):
            file.unlink()
        with paced(url, lines, rate) as ingestor:
            seconds = lines.events / rate
            ingestor.wait_until(
                lambda: len(published(lines)) == len(lines.counts), seconds + LATE_SECONDS
            )
            ingestor.wait_until(
                lambda: sum(rows for _, _, rows, _ in batches(ingestor)) == lines.events,
                LATE_SECONDS,
            )
            merged = batches(ingestor)
            ingestor.stop()
        require_staged(url, lines.events)
        times = published(lines)
        median, p99, longest = latencies(url, lines, times, merged, rate)
    lasted = max(each["ended"] - each["began"] for each in times.values())
    return Measured(
        median, p99, longest, lines.events / lasted, most_pending(lines, times, merged, rate)
    )


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
) -> tuple[int, int]:
    """The most events that had arrived and had no outcome, by halves of the time.

    There are never more than just before a batch.
    """
    of_each, began = rate / len(lines.counts), min(each["began"] for each in times.values())
    middle, done = began + lines.events / rate / 2, 0
    halves: tuple[list[int], list[int]] = ([1], [1])
    for _, _, rows, at in sorted(merged, key=lambda batch: batch[3]):
        arrived = sum(
            min(lines.counts[stream], max(0, int((at - each["began"]) * of_each)))
            for stream, each in times.items()
        )
        halves[at > middle].append(arrived - done)
        done += rows
    return max(halves[0]), max(halves[1])
