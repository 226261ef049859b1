"""The scheduler: runs jobs periodically, if wanted at exact multiples of their period in UTC."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import schedule

from models.job import succeeds

Clock = Callable[[], datetime]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Short enough to notice soon that the clock was set, the machine slept or a job was added.
_LONGEST_WAIT_SECONDS: Final = 1.0


def utc_now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


class _Job(schedule.Job):
    """A job of the `schedule` library that is due at `anchor` plus multiples of `period`.

    The library keeps local times, which jump with daylight saving, and counts a period from the
    end of a run, which drifts; so the two places where it reads the clock are replaced.
    """

    def __init__(
        self,
        scheduler: schedule.Scheduler,
        clock: Clock,
        *,
        name: str,
        anchor: datetime,
        period: timedelta,
    ) -> None:
        super().__init__(1, scheduler)
        self.tag(name)
        self._name = name
        self._clock = clock
        self._anchor = anchor
        self._period = period
        self._running = threading.Lock()

    @property
    def is_running(self) -> bool:
        return self._running.locked()

    @property
    def should_run(self) -> bool:
        return self.seconds_left() <= 0

    def seconds_left(self) -> float:
        return (self._due() - self._clock()).total_seconds()

    def run(self) -> None:
        """Run if due, unless another thread is running it."""
        if not self._running.acquire(blocking=False):
            return
        try:
            # Another thread may have run it since this one found it due.
            if self.should_run:
                self._run_and_reschedule()
        finally:
            self._running.release()

    def follow_clock(self) -> None:
        """Schedule the next run anew if the clock was set back, which would delay it for long."""
        if self._due() - self._clock() > self._period:
            self._schedule_next_run()

    def _run_and_reschedule(self) -> None:
        succeeds(self._call, name=self._name)
        self._schedule_next_run()

    def _call(self) -> None:
        if self.job_func is not None:
            self.job_func()

    def _due(self) -> datetime:
        return self._anchor if self.next_run is None else self.next_run

    def _schedule_next_run(self) -> None:
        periods_passed = (self._clock() - self._anchor) // self._period
        self.next_run = self._anchor + (periods_passed + 1) * self._period


class Scheduler:
    """Runs jobs one after the other, each with its own period.

    A job that raises is logged, and runs again when it is next due. If a run takes longer than its
    period, the runs that it missed are skipped. A job never runs twice at the same time, also if
    several threads run the scheduler.

    Args:
        clock: Returns the present time, with a time zone.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._schedule = schedule.Scheduler()

    def every(
        self,
        seconds: float,
        job: Callable[[], object],
        *,
        name: str,
        aligned: bool = False,
        offset: float = 0.0,
        at_start: bool = False,
    ) -> None:
        """Add a job.

        Args:
            seconds: The period.
            job: What to call; its return value is ignored.
            name: What the log and `next_run` call the job.
            aligned: Run at multiples of the period since 1970-01-01 00:00 UTC. Otherwise the
                period is counted from now.
            offset: Run this many seconds after these multiples; only with `aligned`.
            at_start: Also run immediately.

        Raises:
            ValueError: The period is not positive, the name is taken, or there is an offset
                without `aligned`.
        """
        self._check(seconds, name, aligned=aligned, offset=offset)
        now = self._now()
        added = _Job(
            self._schedule,
            self._now,
            name=name,
            anchor=_EPOCH + timedelta(seconds=offset) if aligned else now,
            period=timedelta(seconds=seconds),
        )
        added.do(job)
        if at_start:
            added.next_run = now

    def run_pending(self) -> None:
        """Run the jobs that are due; the job that has been due for longest runs first."""
        self._run_due(threading.Event())

    def run(self, stop: threading.Event) -> None:
        """Run jobs when they are due, until `stop` is set. A job that is running then finishes."""
        while not stop.is_set():
            self._run_due(stop)
            stop.wait(self._idle_seconds())

    def next_run(self, name: str) -> datetime | None:
        """Return when the job is next due, in UTC; None if there is no job of that name."""
        return self._schedule.get_next_run(name)

    def _run_due(self, stop: threading.Event) -> None:
        for job in self._jobs():
            job.follow_clock()
        for job in sorted(job for job in self._jobs() if job.should_run):
            if stop.is_set():
                return
            job.run()

    def _idle_seconds(self) -> float:
        """Return how long to wait for the next job that no other thread is running."""
        waits = [job.seconds_left() for job in self._jobs() if not job.is_running]
        return max(0.0, min([_LONGEST_WAIT_SECONDS, *waits]))

    def _jobs(self) -> list[_Job]:
        return cast("list[_Job]", self._schedule.get_jobs())

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC)

    def _check(self, seconds: float, name: str, *, aligned: bool, offset: float) -> None:
        if not timedelta(seconds=seconds) > timedelta(0):
            raise ValueError(f"the period of job {name} is {seconds} s; it must be positive")
        if offset and not aligned:
            raise ValueError(f"job {name} has an offset, which needs aligned=True")
        if self.next_run(name) is not None:
            raise ValueError(f"there is a job {name} already")
