import logging
import math
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from models.follower import Follower
from pipeline.core.logs import LogfmtFormatter

DEADLINE = 60
# None of the tests takes so long.
NEVER = 3600.0
# In this time, a follower that should wait would have called many times.
A_WHILE = 0.1

Job = Callable[[], object]
MakeFollower = Callable[..., Follower]


class Calls(list[None]):
    """A job that keeps how often it was called."""

    def __call__(self) -> None:
        self.append(None)

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + DEADLINE
        while len(self) < count:
            assert time.monotonic() < deadline, f"{len(self)} calls, not {count}"
            time.sleep(0.002)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def following() -> Iterator[MakeFollower]:
    """Starts followers, which have ended after the test."""
    started: list[Follower] = []

    def start(job: Job, longest: float = NEVER, apart: float = 0.0) -> Follower:
        made = Follower(job, name="merge claim", longest_seconds=longest, apart_seconds=apart)
        started.append(made)
        made.start()
        return made

    yield start
    for follower in started:
        end(follower)


def end(follower: Follower) -> None:
    """Stops it, and waits for its end, but not for ever."""
    follower.stop()
    ended = threading.Thread(target=follower.join, daemon=True)
    ended.start()
    ended.join(DEADLINE)
    assert not ended.is_alive()


def test_it_calls_when_it_is_woken(following: MakeFollower, calls: Calls) -> None:
    follower = following(calls)
    for count in range(1, 4):
        follower.wake()
        calls.wait_for(count)
    assert len(calls) == 3


def test_what_is_not_woken_does_not_call(following: MakeFollower, calls: Calls) -> None:
    follower = following(calls)
    time.sleep(A_WHILE)
    end(follower)
    assert calls == []


def test_it_calls_after_the_longest_wait_though_nobody_wakes_it(
    following: MakeFollower, calls: Calls
) -> None:
    following(calls, longest=0.01)
    calls.wait_for(3)


def test_what_comes_during_a_call_is_not_missed(following: MakeFollower, calls: Calls) -> None:
    def wake_in_the_first_call() -> None:
        calls()
        if len(calls) == 1:
            follower.wake()

    follower = following(wake_in_the_first_call)
    follower.wake()
    calls.wait_for(2)


def test_what_comes_during_a_call_is_done_by_one_more(
    following: MakeFollower, calls: Calls
) -> None:
    entered, released = threading.Event(), threading.Event()

    def wait_for_release() -> None:
        calls()
        entered.set()
        assert released.wait(DEADLINE)

    follower = following(wait_for_release)
    follower.wake()
    assert entered.wait(DEADLINE)
    for _ in range(100):
        follower.wake()
    released.set()
    calls.wait_for(2)
    time.sleep(A_WHILE)
    assert len(calls) == 2


@pytest.mark.parametrize(("apart", "most"), [(0.01, math.inf), (NEVER, 1)])
def test_calls_begin_apart_however_often_it_is_woken(
    following: MakeFollower, calls: Calls, apart: float, most: float
) -> None:
    def wake_in_each_call() -> None:
        calls()
        follower.wake()

    follower = following(wake_in_each_call, apart=apart)
    follower.wake()
    calls.wait_for(int(min(most, 3)))
    time.sleep(A_WHILE)
    assert len(calls) <= most


def test_a_job_that_fails_is_not_called_again_before_the_longest_wait(
    following: MakeFollower, calls: Calls
) -> None:
    def fail() -> None:
        calls()
        follower.wake()
        raise ValueError

    follower = following(fail)
    follower.wake()
    calls.wait_for(1)
    time.sleep(A_WHILE)
    assert len(calls) == 1


def test_a_job_that_fails_is_logged_without_its_text_and_called_again(
    following: MakeFollower, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_at_first() -> None:
        calls()
        if len(calls) == 1:
            raise ValueError("patient 67")

    with caplog.at_level(logging.DEBUG):
        following(fail_at_first, longest=0.01)
        calls.wait_for(3)
    [line] = [LogfmtFormatter().format(record).split(" event=")[1] for record in caplog.records]
    assert line == '"job failed" job="merge claim" error=ValueError'


def test_a_stop_ends_every_wait(following: MakeFollower, calls: Calls) -> None:
    def fail() -> None:
        calls()
        raise ValueError

    waiting, resting, failed = following(calls), following(calls, apart=NEVER), following(fail)
    resting.wake()
    failed.wake()
    calls.wait_for(2)
    for follower in (waiting, resting, failed):
        end(follower)


def test_a_stop_lets_a_call_end(following: MakeFollower, calls: Calls) -> None:
    entered, released = threading.Event(), threading.Event()

    def wait_for_release() -> None:
        entered.set()
        assert released.wait(DEADLINE)
        calls()

    follower = following(wait_for_release)
    follower.wake()
    assert entered.wait(DEADLINE)
    follower.stop()
    released.set()
    follower.join()
    assert len(calls) == 1


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_the_longest_wait_must_be_positive(seconds: float) -> None:
    with pytest.raises(ValueError, match="merge"):
        Follower(lambda: None, name="merge", longest_seconds=seconds)
