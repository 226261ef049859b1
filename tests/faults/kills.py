"""Ingestors and broker killed while events flow: `make kills`.

Prints the seed, what was done and what came of it, and the rate with 1, 2 and 4 ingestors; exits 1
where anything was lost, counted twice or otherwise not as promised.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from random import Random

from click import echo

from faults.checker import Violation
from faults.crowd import Crowd
from waits import wait_for

INGESTORS = 3
PER_SECOND = 1_000.0
RATE_EVENTS = 40_000
PRELOAD_PER_SECOND = 20_000.0

Fault = Callable[[Crowd, Random], list[Violation]]


def kill_ingestor(crowd: Crowd, rng: Random) -> list[Violation]:
    crowd.kill_ingestor(rng.randrange(len(crowd.ingestors)))
    return []


def add_ingestor(crowd: Crowd, _: Random) -> list[Violation]:
    crowd.add_ingestor()
    return []


def remove_ingestor(crowd: Crowd, rng: Random) -> list[Violation]:
    return crowd.remove_ingestor(rng.randrange(len(crowd.ingestors)))


def kill_broker(crowd: Crowd, _: Random) -> list[Violation]:
    crowd.broker.kill()
    crowd.broker.start()
    return []


def broker_away(crowd: Crowd, _: Random, *, seconds: float) -> list[Violation]:
    crowd.broker.stop()
    time.sleep(seconds)
    crowd.broker.start()
    return []


def planned(rng: Random, *, kills: int, broker_kills: int, away: float) -> list[tuple[str, Fault]]:
    """The faults of a run, in the order of its seed."""
    faults: list[tuple[str, Fault]] = [("ingestor killed", kill_ingestor)] * kills
    faults += [("broker killed", kill_broker)] * broker_kills
    faults += [("ingestor added", add_ingestor), ("ingestor removed", remove_ingestor)] * 2
    faults += [(f"broker away for {away:.0f} s", partial(broker_away, seconds=away))]
    rng.shuffle(faults)
    return faults


def suffer(
    crowd: Crowd,
    rng: Random,
    faults: list[tuple[str, Fault]],
    *,
    events: int,
    per_second: float,
    say: Callable[[str], None],
) -> list[Violation]:
    """Does the faults while events flow, evenly among them; what doesn't hold at the end."""
    found: list[Violation] = []
    with closing(crowd.send(events, per_second=per_second)) as sender:
        for number, (name, fault) in enumerate(faults, 1):
            enough = events * number // (len(faults) + 1)
            wait_for(lambda enough=enough: sender.sent >= enough, 600)  # type: ignore[misc]
            say(f"{number:3}/{len(faults)}  {sender.sent:7,} sent  {name}")
            found += fault(crowd, rng)
        wait_for(sender.is_done, 600)
    return found + crowd.rest()


def rate_with(crowd: Crowd, ingestors: int, events: int) -> float:
    """Events a second that so many ingestors stage, which find them waiting; they merge, too."""
    while crowd.ingestors:
        crowd.remove_ingestor(0)
    before = crowd.last_seq()
    with closing(crowd.send(events, per_second=PRELOAD_PER_SECOND)) as sender:
        wait_for(sender.is_done, 600)
    for _ in range(ingestors):
        crowd.add_ingestor()
    wait_for(lambda: crowd.waiting() == 0, 600)
    count, seconds = crowd.staged_since(before)
    return count / seconds


def main() -> int:
    """Does it, and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=24, help="of ingestors")
    parser.add_argument("--seed", default=str(random.randrange(10**6)))
    asked = parser.parse_args()
    rng = Random(asked.seed)
    faults = planned(rng, kills=asked.kills, broker_kills=3, away=60)
    echo(f"seed {asked.seed}: {asked.events:,} events, {len(faults)} faults, {INGESTORS} ingestors")
    with closing(Crowd(asked.seed)) as crowd:
        for _ in range(INGESTORS):
            crowd.add_ingestor()
        found = suffer(crowd, rng, faults, events=asked.events, per_second=PER_SECOND, say=echo)
        found += crowd.check_everything()
        report(crowd, faults, found)
        for ingestors in (1, 2, 4):
            rate = rate_with(crowd, ingestors, RATE_EVENTS)
            echo(f"{ingestors} ingestors: {rate:,.0f} events a second staged and acknowledged")
    return 1 if found else 0


def report(crowd: Crowd, faults: list[tuple[str, Fault]], found: list[Violation]) -> None:
    """What was done, and whether it was survived."""
    published = crowd.ledger.published().total()
    staged, _ = crowd.staged_since(0)
    echo()
    for name, times in sorted(Counter(name for name, _ in faults).items()):
        echo(f"{times:4} times: {name}")
    echo(
        f"{published:,} events taken by the broker, {staged:,} staged "
        f"({staged - published:,} delivered once more), "
        f"{crowd.checker.counted_twice()} counted twice"
    )
    for violation in found[:20]:
        echo(f"  {violation}")
    echo("Everything holds." if not found else f"{len(found)} violations.")


if __name__ == "__main__":
    sys.exit(main())
