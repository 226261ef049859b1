import time

import pytest

from pipeline.operations.health import LastTime


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the monotonic clock shows."""
    shown = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: shown[0])
    return shown


def test_what_was_never_done_is_said(clock: list[float]) -> None:
    assert clock
    assert LastTime("merge", most_seconds=60).problems() == ["no merge has succeeded yet"]


def test_what_was_done_in_time_is_well_and_later_it_is_not(clock: list[float]) -> None:
    merge = LastTime("merge", most_seconds=60)
    merge.is_now()
    clock[0] += 60
    assert merge.problems() == []
    clock[0] += 15
    assert merge.problems() == ["the last successful merge ended 75 s ago, which is more than 60 s"]
    merge.is_now()
    assert merge.problems() == []
