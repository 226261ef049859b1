"""Many offices through one broker and one PostgreSQL: `make simulate`.

Every office publishes a claim and a diagnosis every 2 s, as the given one does, with ids of its own
that others use too. The published revenue is held against the independent model's, of all offices
and of each; then comes what it took: how long an event waits to be clean, and whose processor time
it costs.
"""

import json
import sys
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, Final

import click
import psutil  # type: ignore[import-untyped]

from faults.crowd import Crowd
from faults.kills import rate_with
from model import Claim, Clean, RawRow, merge, revenue
from pipeline.schema.offices import IDS_OF_AN_OFFICE, PER_OFFICE
from publisher import SIMULATED, claims, diagnoses, of_office
from waits import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS_OF_AN_OFFICE: Final = 1.0
"""A second: of two streams, each every 2 s."""
INGESTORS: Final = 2
BEGINNING: Final = datetime(2026, 5, 4, tzinfo=UTC)
SPAN: Final = timedelta(hours=6)
"""The events' own times lie within it, so that their windows have closed."""
CATCH_UP_EVENTS: Final = 40_000

Row = tuple[Any, ...]

SIZE: Final = "SELECT pg_database_size(current_database())"
PUBLISHED: Final = """
    SELECT window_start, category, revenue, claims, patients FROM analytics.revenue_by_diagnosis
    """
OF_OFFICES: Final = """
    SELECT office, category, sum(revenue), sum(claims)::bigint FROM offices.revenue GROUP BY 1, 2
    """
WAITED: Final = """
    SELECT
        count(*),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY waited),
        percentile_cont(0.99) WITHIN GROUP (ORDER BY waited)
    FROM (
        SELECT extract(epoch FROM r.finished_at - o.received_at) AS waited
        FROM staging.outcome AS o JOIN staging.merge_run AS r ON o.run_id = r.run_id
    ) AS merged
    """


class OfficesEvents:
    """Events of many offices in turn; each counts its ids from 0."""

    def __init__(self, offices: int, seed: str) -> None:
        self.count = 0
        self.published: list[tuple[str, bytes]] = []
        self._offices = offices
        self._made: dict[tuple[str, int], Iterator[bytes]] = {
            (stream, office): make(
                0, Random(f"{seed} {stream} {office}"), duplicate_share=0.1, conflict_share=0
            )
            for stream, make in zip(SIMULATED, (claims, diagnoses), strict=True)
            for office in range(offices)
        }

    def next(self, stream: str) -> bytes:
        """The next office's next event, at a time that its id says, so that repeats repeat it."""
        office = self.count // len(SIMULATED) % self._offices
        self.count += 1
        event = json.loads(of_office(next(self._made[stream, office]), office))
        moment = BEGINNING + Random(f"{stream} {office} {event['id']}").random() * SPAN
        payload = json.dumps({**event, "tsp": moment.isoformat()}).encode()
        self.published.append((stream, payload))
        return payload


@dataclass
class Usage:
    """Processor seconds of each kind of process since the beginning."""

    crowd: Crowd
    before: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = self._seconds()

    def spent(self) -> dict[str, float]:
        """By kind, what was spent since."""
        return {kind: now - self.before[kind] for kind, now in self._seconds().items()}

    def _seconds(self) -> dict[str, float]:
        postmaster = psutil.Process(self.crowd.server.postmaster())
        ingestors = [psutil.Process(each.process.pid) for each in self.crowd.ingestors]
        return {
            "PostgreSQL": _processor_seconds([postmaster, *postmaster.children()]),
            "ingestors": _processor_seconds(ingestors),
            "broker": _processor_seconds([psutil.Process(self.crowd.broker.pid)]),
        }


def _processor_seconds(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(time.user + time.system for time in times))


def modelled(published: list[tuple[str, bytes]]) -> Clean:
    """What the events come to by the model, each under the key of its office."""
    rows = [
        RawRow(seq, stream, _keyed(payload), datetime.now(UTC))
        for seq, (stream, payload) in enumerate(published)
    ]
    return merge(rows, range(1, 1001))


def _keyed(payload: bytes) -> bytes:
    event = json.loads(payload)
    office = event.pop("office")
    return json.dumps({**event, "id": office * IDS_OF_AN_OFFICE + event["id"]}).encode()


def of_offices(clean: Clean) -> dict[tuple[int, str], tuple[Decimal, int]]:
    """Revenue and claims by office and category, each office's claims by the model alone."""
    by_office: dict[int, dict[int, Claim]] = defaultdict(dict)
    for key, claim in clean.claims.items():
        by_office[key // IDS_OF_AN_OFFICE][key] = claim
    totals: dict[tuple[int, str], tuple[Decimal, int]] = {}
    for office, of_one in by_office.items():
        figures = revenue(Clean(claims=of_one, diagnoses=clean.diagnoses), datetime.now(UTC))
        for (_, category), figure in figures.items():
            if figure.claims:
                amount, count = totals.get((office, category), (Decimal(0), 0))
                totals[office, category] = (amount + figure.revenue, count + figure.claims)
    return totals


def differences(crowd: Crowd, events: OfficesEvents, *, each_office: bool) -> list[str]:
    """Where what is published is not what the model says."""
    clean = modelled(events.published)
    expected = {
        key: (figure.revenue, figure.claims, figure.patients)
        for key, figure in revenue(clean, datetime.now(UTC)).items()
    }
    found = {(row[0], row[1]): row[2:] for row in crowd.reader.rows(PUBLISHED)}
    wrong = [f"{key}" for key in expected | found if expected.get(key) != found.get(key)]
    if each_office:
        of_each = {(row[0], row[1]): row[2:] for row in crowd.reader.rows(OF_OFFICES)}
        model_s = of_offices(clean)
        wrong += [f"{key}" for key in model_s | of_each if model_s.get(key) != of_each.get(key)]
    return wrong


def simulate(crowd: Crowd, *, offices: int, seconds: float) -> Usage:
    """Has every office publish for so long, and all of it become clean."""
    rate = offices * EVENTS_OF_AN_OFFICE
    for _ in range(INGESTORS):
        crowd.add_ingestor()
    usage = Usage(crowd)
    with closing(crowd.send(round(rate * seconds), per_second=rate)) as sender:
        wait_for(sender.is_done, 20 * seconds + 60)
    violations = crowd.settle()
    if violations:
        raise RuntimeError("; ".join(map(str, violations)))
    return usage


@click.command()
@click.option("--offices", type=click.IntRange(1, 10_000), default=1_000, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=1), default=120, show_default=True)
@click.option("--seed", default="1", show_default=True)
def main(offices: int, seconds: float, seed: str) -> None:
    """Simulates so many offices, and prints what came of it; exit code 1 where figures differ."""
    events = OfficesEvents(offices, seed)
    with closing(Crowd(seed, port=27800, events=events, ids=PER_OFFICE)) as crowd:
        [(empty,)] = crowd.reader.rows(SIZE)
        usage = simulate(crowd, offices=offices, seconds=seconds)
        spent = usage.spent()
        [(count, p50, p99)] = crowd.reader.rows(WAITED)
        violations = crowd.run("analytics") + crowd.run("verify", "--all")
        wrong = differences(crowd, events, each_office=True)
        click.echo(
            f"{offices:,} offices for {seconds:.0f} s: {count:,} events, "
            f"clean {p50:.2f} s after they were staged (p50), {p99:.2f} s (p99)"
        )
        for kind, processor_seconds in spent.items():
            click.echo(f"  {kind}: {processor_seconds / count * 1e6:.0f} µs of a core per event")
        [(full,)] = crowd.reader.rows(SIZE)
        click.echo(f"  disk: {(full - empty) / count:.0f} bytes per event, indexes included")
        published = len(crowd.reader.rows(PUBLISHED))
        click.echo(f"{published} figures published; {len(wrong)} differ from the model's")
        rate = rate_with(crowd, INGESTORS, CATCH_UP_EVENTS)
        click.echo(f"catching up, {INGESTORS} ingestors: {rate:,.0f} events a second")
    for violation in violations:
        click.echo(f"  {violation}")
    sys.exit(bool(wrong or violations))


if __name__ == "__main__":
    main()
