"""A slice of the chaos run, always the same: each fault once, the slow ones aside."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random

import pytest

from faults.faults import FAULTS, suffer
from faults.lane import Lane
from faults.server import own_port

SEED = "a slice"
QUICK_FAULTS = [name for name, fault in FAULTS.items() if not fault.is_slow]


class Lanes:
    """One lane for all the tests, and another where a fault has broken it."""

    def __init__(self) -> None:
        self._lane: Lane | None = None

    @contextmanager
    def lane(self) -> Iterator[Lane]:
        if self._lane is None:
            self._lane = Lane(SEED, port=own_port(), analytics=False)
        try:
            yield self._lane
        except BaseException as error:
            error.add_note(f"{self._lane.note}; {self._lane.ingestor.err[-1000:]}")
            self.close()
            raise

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
    with lanes.lane() as lane:
        lane.rng, lane.note = Random(f"{SEED} {name}"), ""
        suffer(lane, name)


def test_after_all_of_it_everything_holds(lanes: Lanes) -> None:
    with lanes.lane() as lane:
        lane.flow()
        lane.settle()
        lane.check_everything()
        assert lane.check_rebuild(most_batches=1_000)
    assert lane.verdicts["good"] > 0
    assert lane.verdicts["alarm"] == 0
