"""A slice of `make kills`, always the same; and what shows that it would notice."""

from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest

from faults.crowd import Crowd
from faults.kills import planned, rate_with, suffer
from faults.server import own_port

SEED = "a slice"


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with closing(Crowd(SEED, port=own_port())) as made:
        for _ in range(2):
            made.add_ingestor()
        yield made


def test_nothing_is_lost_and_nothing_counts_twice(crowd: Crowd) -> None:
    rng = Random(SEED)
    faults = planned(rng, kills=2, broker_kills=1, away=2)
    found = suffer(crowd, rng, faults, events=1_200, per_second=200, say=print)
    assert found + crowd.check_everything() == []
    assert crowd.ledger.published().total() == 1_200
    assert crowd.checker.counted_twice() == 0


def test_a_lost_event_is_noticed(crowd: Crowd) -> None:
    rate_with(crowd, 1, 400)
    assert crowd.rest() == []
    crowd.ledger.publish("claim", b"never sent")
    assert [violation.invariant for violation in crowd.rest()] == ["I1"]
