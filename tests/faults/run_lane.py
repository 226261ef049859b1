"""Does a lane's share of a chaos run, and prints a line of JSON for everything that happens.

`python -m faults.run_lane SEED FAULTS LANE LANES [ONLY]`
"""

import json
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict
from random import Random
from types import FrameType
from typing import Any

import psycopg2

from faults.faults import plan, suffer
from faults.lane import BrokenPromiseError, Lane

CHECK_EVERYTHING_EVERY = 25
# Faults that a lane lives through: what is checked after each grows with what the lane has seen.
LIFE = 50
FIRST_PORT = 26000
PORTS_APART = 100


def main() -> None:
    """Ends with 1 where something does not hold."""
    seed, count, number, lanes, *only = sys.argv[1:]
    signal.signal(signal.SIGTERM, interrupt)
    names = [*only] * int(count) if only else plan(int(count), seed)
    share = list(enumerate(names))[int(number) :: int(lanes)]
    holds = all(
        holds_through(f"{seed}/{number}/{first}", int(number), seed, share[first : first + LIFE])
        for first in range(0, len(share), LIFE)
    )
    sys.exit(0 if holds else 1)


def holds_through(lane_seed: str, number: int, seed: str, share: list[tuple[int, str]]) -> bool:
    """Does faults to a lane of their own; whether all that must hold does."""
    with closing(Lane(lane_seed, port=FIRST_PORT + PORTS_APART * number)) as lane:
        try:
            holds = all(is_survived(lane, f"{seed}/{index}", name) for index, name in share)
            holds = holds and everything_holds(lane, "the whole check at the end")
            holds = holds and is_rebuilt_the_same(lane)
        except KeyboardInterrupt:
            holds = False
        finally:
            # Whatever else comes, it is cleaned up.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        tell(
            kind="end",
            verdicts=lane.verdicts,
            events=len(lane.ledger.published()),
            missed=lane.missed,
        )
    signal.signal(signal.SIGTERM, interrupt)
    return holds


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def is_survived(lane: Lane, seed: str, name: str) -> bool:
    """Does a fault; whether all that must hold after it does."""
    lane.rng, lane.note = Random(seed), ""
    started = time.monotonic()
    try:
        measured = suffer(lane, name)
    except BrokenPromiseError as broken:
        return tell_violation(lane, name, broken)
    tell(
        kind="fault",
        name=name,
        **asdict(measured),
        seconds=time.monotonic() - started,
    )
    lane.survived += 1
    return lane.survived % CHECK_EVERYTHING_EVERY != 0 or everything_holds(lane, name)


def everything_holds(lane: Lane, name: str) -> bool:
    started = time.monotonic()
    try:
        lane.check_everything()
    except BrokenPromiseError as broken:
        return tell_violation(lane, name, broken)
    tell(kind="check", seconds=time.monotonic() - started)
    return True


def is_rebuilt_the_same(lane: Lane) -> bool:
    started = time.monotonic()
    try:
        sizes = lane.check_rebuild()
    except BrokenPromiseError as broken:
        return tell_violation(lane, "the rebuild at the end", broken)
    tell(kind="rebuild", sizes=sizes, seconds=time.monotonic() - started)
    return True


def tell_violation(lane: Lane, name: str, broken: BrokenPromiseError) -> bool:
    tell(
        kind="violation",
        name=name,
        note=lane.note,
        violations=[str(violation) for violation in broken.violations],
        lost=counted(lane.checker.lost),
        twice=counted(lane.checker.counted_twice),
        ingestor=lane.ingestor.err.splitlines()[-8:],
    )
    return False


def counted(count: Callable[[], int]) -> int:
    """A count of the database; none where that is away, which is reported as it is."""
    with suppress(psycopg2.Error):
        return count()
    return 0


def tell(**what: Any) -> None:  # noqa: ANN401
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
