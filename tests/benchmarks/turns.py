"""Runs of the project and of a reference by turns, and the clock."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from benchmarks.lab import Lab
from benchmarks.results import Comparison

# The seconds of one run, in a state of its own, whose outcome has been checked.
Run = Callable[[], float]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rows: int
    """Lines of the large works."""
    runs: int
    """Runs of each."""
    bases: tuple[int, ...]
    """Claims that are there before more events come; a tenth as many diagnoses are beside them."""
    rates: tuple[int, ...] = (1, 1_000, 10_000)
    """Events a second, of both streams together, that arrive one by one."""
    seconds: float = 60
    """How long they do."""
    memory_seconds: float = 600
    """How long the processes are watched for their memory."""


def seconds_of(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def do_all(works: Sequence[Callable[[], object]], *, at_once: bool) -> None:
    """Does works one after the other, or each in a thread of its own."""
    if not at_once:
        for each in works:
            each()
        return
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(each) for each in works]:
            done.result()


def in_turns(
    lab: Lab, plan: Plan, comparison: Comparison, project: Run, reference: Run
) -> Comparison:
    """Fills in the seconds of both; in every pair, the project is first."""
    lab.say(f"({comparison.work}) {comparison.name}, against {comparison.reference}")
    own: list[float] = []
    others: list[float] = []
    for number in range(1, plan.runs + 1):
        own.append(project())
        others.append(reference())
        lab.say(f"    {number} of {plan.runs}: {own[-1]:.3f} s, reference {others[-1]:.3f} s")
    return replace(comparison, seconds=own, reference_seconds=others)


def alone(lab: Lab, plan: Plan, comparison: Comparison, project: Run) -> Comparison:
    """Fills in the seconds of what has no reference."""
    lab.say(f"({comparison.work}) {comparison.name}")
    own: list[float] = []
    for number in range(1, plan.runs + 1):
        own.append(project())
        lab.say(f"    {number} of {plan.runs}: {own[-1]:.3f} s")
    return replace(comparison, seconds=own)
