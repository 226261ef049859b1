"""The long run: many faults, one after the other, in lanes beside each other.

`make chaos N=1000 SEED=7`: prints the seed first and a table by fault at
the end; exits 1 where anything was lost, counted twice or otherwise not as promised.
"""

import argparse
import json
import math
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click import echo

TESTS = Path(__file__).parents[1]
SECONDS_ALLOWED = 5.0
# What was measured of a fault; the first and the last may not take longer than is allowed.
TIMES = ("recovery", "merged", "noticed")

Message = dict[str, Any]


@dataclass
class Tally:
    """What the lanes told."""

    runs: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    twice: Counter[str] = field(default_factory=Counter)
    recovery: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    merged: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    noticed: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    verdicts: Counter[str] = field(default_factory=Counter)
    events: int = 0
    checks: int = 0
    missed: int = 0
    rebuilds: list[list[int]] = field(default_factory=list)
    violations: list[Message] = field(default_factory=list)

    def take(self, message: Message) -> None:
        getattr(self, f"_take_{message['kind']}")(message)

    def _take_fault(self, message: Message) -> None:
        name = message["name"]
        self.runs[name] += 1
        for kind in TIMES:
            if message[kind] is not None:
                getattr(self, kind)[name].append(message[kind])

    def _take_check(self, _message: Message) -> None:
        self.checks += 1

    def _take_rebuild(self, message: Message) -> None:
        self.rebuilds.append(message["sizes"])

    def _take_violation(self, message: Message) -> None:
        self.violations.append(message)
        self.lost[message["name"]] += message["lost"]
        self.twice[message["name"]] += message["twice"]

    def _take_end(self, message: Message) -> None:
        self.verdicts.update(message["verdicts"])
        self.events += message["events"]
        self.missed += message["missed"]


def main() -> int:
    """Runs the lanes and prints what came of it."""
    asked = arguments()
    echo(f"seed {asked.seed}: {asked.faults} faults in {asked.lanes} lanes")
    started = time.monotonic()
    tally = run(asked)
    print_table(tally)
    print_rest(tally, time.monotonic() - started)
    wrong = print_wrong(tally, asked)
    return 1 if wrong else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=1000, help="how many")
    parser.add_argument("--seed", default=str(random.randrange(10**6)))
    parser.add_argument("--lanes", type=int, default=2, help="how many servers beside each other")
    parser.add_argument("--only", help="this fault alone, by its name")
    return parser.parse_args()


# Running.


def run(asked: argparse.Namespace) -> Tally:
    """Starts the lanes, and listens until they have ended; a violation ends them all."""
    messages: queue.Queue[Message | int] = queue.Queue()
    lanes = [start_lane(asked, number) for number in range(asked.lanes)]
    for lane in lanes:
        threading.Thread(target=read, args=(lane, messages), daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tally = Tally()
    started = time.monotonic()
    try:
        listen(messages, tally, len(lanes), asked.faults, started)
    finally:
        for lane in lanes:
            stop(lane)
    if not tally.violations and any(lane.returncode for lane in lanes):
        raise SystemExit("a lane broke down: see above")
    return tally


def start_lane(asked: argparse.Namespace, number: int) -> subprocess.Popen[str]:
    paths = os.pathsep.join((str(TESTS.parent / "src"), str(TESTS)))
    only = [asked.only] if asked.only else []
    command = [asked.seed, str(asked.faults), str(number), str(asked.lanes), *only]
    return subprocess.Popen(
        [sys.executable, "-m", "faults.run_lane", *command],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def read(lane: subprocess.Popen[str], messages: "queue.Queue[Message | int]") -> None:
    assert lane.stdout is not None
    for line in lane.stdout:
        messages.put(json.loads(line))
    messages.put(lane.wait())


def listen(
    messages: "queue.Queue[Message | int]", tally: Tally, lanes: int, faults: int, started: float
) -> None:
    ended = 0
    while ended < lanes:
        message = messages.get()
        if isinstance(message, int):  # how a lane ended
            ended += 1 if message == 0 else lanes
            continue
        tally.take(message)
        if message["kind"] == "fault":
            done = tally.runs.total()
            passed = time.monotonic() - started
            took = message["seconds"]
            echo(f"{done:5}/{faults} {passed:5.0f} s  {took:5.1f} s  {message['name']}")


def stop(lane: subprocess.Popen[str]) -> None:
    if lane.poll() is None:
        with suppress(ProcessLookupError):
            lane.send_signal(signal.SIGTERM)
    lane.wait()


# Printing.


def print_table(tally: Tally) -> None:
    columns = "{:45} {:>5} {:>5} {:>7}   {:>5} {:>5}   {:>5} {:>5}   {:>5} {:>5}"
    echo()
    echo(f"{'':45} {'':>5} {'':>5} counted   recovery (s)  merging (s)   noticed (s)")
    echo(columns.format("fault", "runs", "lost", "twice", *["p50", "p99"] * len(TIMES)))
    for name in sorted(tally.runs | tally.lost):
        echo(columns.format(*row(tally, name, [name])))
    echo(columns.format(*row(tally, "all", sorted(tally.runs))))


def row(tally: Tally, title: str, names: list[str]) -> list[str]:
    counters = (tally.runs, tally.lost, tally.twice)
    counts = [sum(counter[name] for name in names) for counter in counters]
    measured = [
        [seconds for name in names for seconds in getattr(tally, kind)[name]] for kind in TIMES
    ]
    figures = [percentile(times, share) for times in measured for share in (50, 99)]
    return [title, *map(str, counts), *("" if f is None else f"{f:.2f}" for f in figures)]


def percentile(values: list[float], share: float) -> float | None:
    """The smallest value that at least so many per cent do not exceed."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * share / 100) - 1)]


def print_rest(tally: Tally, seconds: float) -> None:
    verdicts = tally.verdicts
    echo()
    echo(f"{tally.events} different events in {seconds:.0f} s; {tally.checks} whole checks passed")
    echo(f"{tally.missed} times a fault did not come about, and was tried again")
    for sizes, layers in Counter(map(tuple, tally.rebuilds)).items():
        echo(f"{layers} clean layers came out the same, rebuilt in batches of {sizes}")
    echo(
        f"verify ran {verdicts.total()} times: {verdicts['good']} times all was well, "
        f"{verdicts['alarm']} alarms, {verdicts['away']} times the database was away"
    )


def print_wrong(tally: Tally, asked: argparse.Namespace) -> bool:
    for violation in tally.violations:
        echo(f"\nAfter: {violation['name']} ({violation['note']})")
        for what in violation["violations"][:20]:
            echo(f"  {what}")
        echo("\n  ".join(["The ingestor's last lines:", *violation["ingestor"]]))
        echo(f"repeat with: make chaos SEED={asked.seed} ONLY={json.dumps(violation['name'])}")
    slow = [kind for kind in ("recovery", "noticed") if is_slow(getattr(tally, kind))]
    for kind in slow:
        echo(f"\n{kind}: the 99th percentile is over {SECONDS_ALLOWED:.0f} s")
    return bool(tally.violations or slow)


def is_slow(times: dict[str, list[float]]) -> bool:
    value = percentile([seconds for of_name in times.values() for seconds in of_name], 99)
    return value is not None and value >= SECONDS_ALLOWED


if __name__ == "__main__":
    sys.exit(main())
