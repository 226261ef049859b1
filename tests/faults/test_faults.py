"""A slice of the chaos run, always the same: each fault once, the slow ones aside."""

from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest

from faults.faults import FAULTS, suffer
from faults.lane import BrokenPromiseError, Lane

SEED = "a slice"
QUICK_FAULTS = [name for name, fault in FAULTS.items() if not fault.is_slow]
NOTICED_WITHIN_SECONDS = 5.0


class Lanes:
    """One lane for all the tests, and another where a fault has broken it."""

    def __init__(self) -> None:
        self._lane: Lane | None = None

    def get(self) -> Lane:
        if self._lane is None:
            self._lane = Lane(SEED, port=26500, analytics=False)
        return self._lane

    def close(self) -> None:
        if self._lane is not None:
            self._lane.close()
        self._lane = None


@pytest.fixture(scope="module")
def lanes() -> Iterator[Lanes]:
    with closing(Lanes()) as made:
        yield made


@pytest.mark.parametrize("name", QUICK_FAULTS)
def test_nothing_is_lost_and_nothing_counts_twice(lanes: Lanes, name: str) -> None:
    lane = lanes.get()
    lane.rng, lane.note = Random(f"{SEED} {name}"), ""
    try:
        measured = suffer(lane, name)
    except BrokenPromiseError as broken:
        said = f"{broken}; {lane.note}; {lane.ingestor.err[-500:]}"
        lanes.close()
        pytest.fail(said)
    assert (measured.noticed or 0) < NOTICED_WITHIN_SECONDS


def test_after_all_of_it_everything_holds(lanes: Lanes) -> None:
    lane = lanes.get()
    lane.flow()
    lane.settle()
    lane.check_everything()
    assert lane.verdicts["good"] > 0
    assert lane.verdicts["alarm"] == 0
