import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from models.scheduler import Scheduler, utc_now
from pipeline.core.logs import LogfmtFormatter

DEADLINE = 60
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class StopAfterWaits(threading.Event):
    """A stop event that keeps the waits asked of it and is set by the last of `count`."""

    def __init__(self, count: int, clock: Clock) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._count = count
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self._clock.advance(timeout)
        if len(self.waits) == self._count:
            self.set()
        return self.is_set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheduler(clock: Clock) -> Scheduler:
    return Scheduler(clock)


@pytest.fixture
def runs(clock: Clock) -> "Runs":
    return Runs(clock)


class Runs(list[datetime]):
    """A job that keeps the times at which it ran."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def __call__(self) -> None:
        self.append(self._clock())


def at(hour: int, minute: int, second: float = 0) -> datetime:
    return NOON.replace(hour=hour, minute=minute) + timedelta(seconds=second)


def run_for(scheduler: Scheduler, clock: Clock, seconds: float, step: float) -> None:
    end = clock.now + timedelta(seconds=seconds)
    while clock.now < end:
        clock.advance(step)
        scheduler.run_pending()


def test_a_job_runs_once_a_period(scheduler: Scheduler, clock: Clock, runs: Runs) -> None:
    scheduler.every(10, runs, name="merge")
    run_for(scheduler, clock, 30, step=1)
    assert runs == [at(12, 0, 10), at(12, 0, 20), at(12, 0, 30)]


def test_a_job_that_is_noticed_late_does_not_drift(
    scheduler: Scheduler, clock: Clock, runs: Runs
) -> None:
    scheduler.every(10, runs, name="merge")
    clock.advance(13)
    scheduler.run_pending()
    assert scheduler.next_run("merge") == at(12, 0, 20)


def test_at_start_runs_at_once_and_then_on_the_period(
    scheduler: Scheduler, clock: Clock, runs: Runs
) -> None:
    scheduler.every(10, runs, name="merge", at_start=True)
    scheduler.run_pending()
    run_for(scheduler, clock, 20, step=1)
    assert runs == [NOON, at(12, 0, 10), at(12, 0, 20)]


def test_an_aligned_job_runs_on_the_dot_plus_its_offset(clock: Clock, runs: Runs) -> None:
    clock.now = at(12, 3, 17.25)
    scheduler = Scheduler(clock)
    scheduler.every(600, runs, name="analytics", aligned=True, offset=5)
    run_for(scheduler, clock, 30 * 60, step=0.25)
    assert runs == [at(12, 10, 5), at(12, 20, 5), at(12, 30, 5)]


def test_an_aligned_job_at_start_runs_at_once_and_then_on_the_dot(clock: Clock, runs: Runs) -> None:
    clock.now = at(12, 3)
    scheduler = Scheduler(clock)
    scheduler.every(600, runs, name="analytics", aligned=True, at_start=True)
    scheduler.run_pending()
    assert runs == [at(12, 3)]
    assert scheduler.next_run("analytics") == at(12, 10)


def test_on_the_very_dot_an_aligned_job_waits_for_the_next(scheduler: Scheduler) -> None:
    scheduler.every(600, lambda: None, name="analytics", aligned=True)
    assert scheduler.next_run("analytics") == at(12, 10)


@pytest.mark.parametrize("period", [0.1, 1 / 3, 7, 86400])
def test_an_aligned_job_does_not_drift_over_years(clock: Clock, period: float) -> None:
    clock.now = datetime(2126, 1, 1, 0, 0, 0, 123, tzinfo=UTC)
    scheduler = Scheduler(clock)
    scheduler.every(period, lambda: None, name="job", aligned=True)
    due = scheduler.next_run("job")
    assert due is not None
    since_epoch = due - datetime(1970, 1, 1, tzinfo=UTC)
    assert since_epoch % timedelta(seconds=period) == timedelta(0)
    assert timedelta(0) < due - clock.now <= timedelta(seconds=period)


@pytest.fixture
def local_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def use(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


# Offsets of whole, half and quarter hours; the clock is set back or forward in the hours below.
@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 12, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 3, 29, tzinfo=UTC)),
    ],
)
def test_the_machines_time_zone_makes_no_difference(
    local_zone: Callable[[str], None], zone: str, midnight: datetime
) -> None:
    local_zone(zone)
    clock = Clock(midnight)
    scheduler, runs = Scheduler(clock), Runs(clock)
    scheduler.every(3600, runs, name="aligned", aligned=True)
    run_for(scheduler, clock, 6 * 3600, step=60)
    assert runs == [midnight + timedelta(hours=hour) for hour in range(1, 7)]


@pytest.mark.parametrize("aligned", [True, False])
def test_a_clock_of_another_zone_is_read_as_utc(
    scheduler: Scheduler, clock: Clock, *, aligned: bool
) -> None:
    clock.now = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    scheduler.every(3600, lambda: None, name="job", aligned=aligned)
    due = scheduler.next_run("job")
    assert due == at(13, 0)
    assert due.tzinfo is UTC


def test_the_default_clock_is_utc() -> None:
    before = datetime.now(UTC)
    now = utc_now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


@pytest.mark.parametrize("aligned", [True, False])
def test_a_run_that_outlasts_its_period_skips_the_missed_ones(
    scheduler: Scheduler, clock: Clock, *, aligned: bool
) -> None:
    runs: list[datetime] = []

    def last_25_seconds_at_first() -> None:
        runs.append(clock.now)
        if len(runs) == 1:
            clock.advance(25)

    scheduler.every(10, last_25_seconds_at_first, name="slow", aligned=aligned)
    run_for(scheduler, clock, 50, step=1)
    assert runs == [at(12, 0, 10), at(12, 0, 40), at(12, 0, 50)]


@pytest.mark.parametrize("aligned", [True, False])
def test_jobs_go_on_when_the_clock_is_set_back(
    scheduler: Scheduler, clock: Clock, runs: Runs, *, aligned: bool
) -> None:
    scheduler.every(10, runs, name="merge", aligned=aligned)
    clock.advance(-3600)
    run_for(scheduler, clock, 20, step=1)
    assert runs == [at(11, 0, 10), at(11, 0, 20)]


def test_a_failing_job_is_logged_without_its_text_and_runs_again(
    scheduler: Scheduler, clock: Clock, runs: Runs, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        runs()
        raise ValueError("patient 67")

    scheduler.every(10, fail, name="merge")
    scheduler.every(10, runs, name="other")
    with caplog.at_level(logging.DEBUG):
        run_for(scheduler, clock, 20, step=10)
    assert len(runs) == 4
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    lines = [LogfmtFormatter().format(record).split(" event=")[1] for record in caplog.records]
    assert lines == ['"job failed" job=merge error=ValueError'] * 2
    assert "67" not in caplog.text


def test_an_interrupt_is_not_taken_for_a_failure(scheduler: Scheduler, clock: Clock) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    scheduler.every(10, interrupt, name="merge")
    clock.advance(10)
    with pytest.raises(KeyboardInterrupt):
        scheduler.run_pending()


def test_due_jobs_run_in_the_order_in_which_they_fell_due(
    scheduler: Scheduler, clock: Clock
) -> None:
    order: list[str] = []
    scheduler.every(20, lambda: order.append("later"), name="later")
    scheduler.every(10, lambda: order.append("earlier"), name="earlier")
    clock.advance(25)
    scheduler.run_pending()
    assert order == ["earlier", "later"]


def test_a_job_never_runs_beside_itself(scheduler: Scheduler, clock: Clock) -> None:
    entered, released = threading.Event(), threading.Event()
    calls: list[None] = []

    def wait_for_release() -> None:
        calls.append(None)
        entered.set()
        assert released.wait(DEADLINE)

    scheduler.every(10, wait_for_release, name="slow")
    clock.advance(10)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(scheduler.run_pending)
        assert entered.wait(DEADLINE)
        clock.advance(20)
        second = pool.submit(scheduler.run_pending)
        try:
            second.result(DEADLINE / 2)
        finally:
            released.set()
        first.result(DEADLINE)
    assert len(calls) == 1
    assert scheduler.next_run("slow") == at(12, 0, 40)


def test_many_threads_run_a_due_job_once(scheduler: Scheduler, clock: Clock, runs: Runs) -> None:
    scheduler.every(10, runs, name="merge")
    with ThreadPoolExecutor(8) as pool:
        for _ in range(200):
            clock.advance(10)
            for future in [pool.submit(scheduler.run_pending) for _ in range(8)]:
                future.result(DEADLINE)
    assert len(runs) == 200
    assert len(set(runs)) == 200


def test_a_job_found_due_twice_runs_once(scheduler: Scheduler, clock: Clock, runs: Runs) -> None:
    """Another thread runs the job after this one found it due and before it got to it."""

    def let_another_thread_run_everything() -> None:
        if not runs:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(scheduler.run_pending).result(DEADLINE)

    scheduler.every(10, let_another_thread_run_everything, name="first")
    scheduler.every(11, runs, name="second")
    clock.advance(12)
    scheduler.run_pending()
    assert runs == [at(12, 0, 12)]


def test_run_waits_on_stop_until_the_next_job_is_due(
    scheduler: Scheduler, clock: Clock, runs: Runs
) -> None:
    scheduler.every(0.5, runs, name="merge")
    stop = StopAfterWaits(3, clock)
    scheduler.run(stop)
    assert stop.waits == [0.5, 0.5, 0.5]
    assert runs == [at(12, 0, 0.5), at(12, 0, 1)]


def test_run_looks_at_the_clock_now_and_then_while_nothing_is_due(
    scheduler: Scheduler, clock: Clock, runs: Runs
) -> None:
    scheduler.every(3600, runs, name="hourly")
    stop = StopAfterWaits(3, clock)
    scheduler.run(stop)
    assert stop.waits == [1, 1, 1]
    assert runs == []


def test_run_does_not_spin_while_another_thread_runs_the_due_job(
    scheduler: Scheduler, clock: Clock
) -> None:
    entered, released = threading.Event(), threading.Event()

    def wait_for_release() -> None:
        entered.set()
        assert released.wait(DEADLINE)

    scheduler.every(10, wait_for_release, name="slow")
    clock.advance(10)
    stop = StopAfterWaits(2, clock)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(scheduler.run_pending)
        assert entered.wait(DEADLINE)
        try:
            scheduler.run(stop)
        finally:
            released.set()
        running.result(DEADLINE)
    assert stop.waits == [1, 1]


def test_run_ends_when_stop_is_set_though_nothing_is_due() -> None:
    scheduler = Scheduler()
    scheduler.every(3600, lambda: None, name="hourly")
    stop = threading.Event()
    thread = threading.Thread(target=scheduler.run, args=(stop,), daemon=True)
    thread.start()
    stop.set()
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_run_starts_no_further_job_once_stop_is_set(
    scheduler: Scheduler, clock: Clock, runs: Runs
) -> None:
    stop = threading.Event()
    scheduler.every(10, stop.set, name="stopping")
    scheduler.every(20, runs, name="other")
    clock.advance(20)
    scheduler.run(stop)
    assert runs == []


def test_run_really_runs_jobs_on_the_machines_clock() -> None:
    scheduler = Scheduler()
    stop = threading.Event()
    calls: list[None] = []

    def stop_at_the_third() -> None:
        calls.append(None)
        if len(calls) == 3:
            stop.set()

    scheduler.every(0.05, stop_at_the_third, name="quick", aligned=True)
    thread = threading.Thread(target=scheduler.run, args=(stop,), daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert len(calls) == 3


def test_a_job_can_be_added_while_the_scheduler_runs() -> None:
    scheduler = Scheduler()
    stop = threading.Event()
    thread = threading.Thread(target=scheduler.run, args=(stop,), daemon=True)
    thread.start()
    scheduler.every(3600, stop.set, name="late", at_start=True)
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_an_unknown_job_has_no_next_run(scheduler: Scheduler) -> None:
    assert scheduler.next_run("nothing") is None


@pytest.mark.parametrize("seconds", [0, -1, 1e-9, float("nan")])
def test_a_period_must_be_positive(scheduler: Scheduler, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"positive|NaN"):
        scheduler.every(seconds, lambda: None, name="job")
    assert scheduler.next_run("job") is None


def test_a_name_is_taken_once(scheduler: Scheduler) -> None:
    scheduler.every(1, lambda: None, name="merge")
    with pytest.raises(ValueError, match="merge"):
        scheduler.every(1, lambda: None, name="merge")


def test_an_offset_needs_alignment(scheduler: Scheduler) -> None:
    with pytest.raises(ValueError, match="aligned"):
        scheduler.every(1, lambda: None, name="merge", offset=1)
