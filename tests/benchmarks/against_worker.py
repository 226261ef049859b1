"""Does works of the benchmark with the code of one checkout, when it is told to.

`python -m benchmarks.against_worker ROWS`, with the checkout's own src and tests as import roots;
it runs with older commits too, as it uses only what these have. It reads the letter of a work
from standard input and answers with the seconds that the work took.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

from benchmarks import project
from benchmarks.lab import OFFICE, Lab, checkpoint, lab
from benchmarks.lines import make_lines
from benchmarks.turns import seconds_of
from pipeline.merge.merge import merge_stream
from utils.pipeline_utils import Channel

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
CLAIMS_OF_A_WINDOW = 100
MORE_EVENTS = 10_000
MICRO_BATCH = 200
MICRO_BATCHES = 50
RECEIVED_EVENTS = 20_000
ONE_STREAM = "claim"
FAR_IDS = 1_000_000_000

Work = Callable[[], float]


def main() -> None:
    """Answers until its input ends."""
    rows = int(sys.argv[1])
    with lab(lambda _: None) as made, prepared(made, rows) as works:
        answer("ready")
        for line in sys.stdin:
            answer(works[line.strip()]())


def answer(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


@contextmanager
def prepared(made: Lab, rows: int) -> Iterator[dict[str, Work]]:
    """The works, on an office with so many events of so many windows."""
    lines = make_lines(made.new_folder("lines"), rows)
    history = made.database(OFFICE)
    with project.office(history) as databases:
        project.load_and_merge(databases, timed_files(made.new_folder("history"), rows))
        numbers = count(1)
        yield {
            "a": partial(receive, made),
            "c": partial(load_and_merge, made, lines.files()),
            "o": partial(load_and_merge, made, {ONE_STREAM: lines.files()[ONE_STREAM]}),
            "d": partial(more_events, made, databases, numbers),
            "m": partial(micro_batches, made, databases, numbers),
            "f": partial(recompute, databases, rows),
        }


def receive(made: Lab) -> float:
    """(a) Events through the callback, many in flight."""
    with made.fresh(OFFICE) as url, project.office(url) as databases:
        payloads = [
            b'{"id": %d, "patient_id": 1, "code": "A", "price": 1}' % n
            for n in range(RECEIVED_EVENTS)
        ]
        return seconds_of(lambda: project.receive(databases["claim"], "claim", payloads, Channel()))


def load_and_merge(made: Lab, files: dict[str, Path]) -> float:
    """(c), (o) Files to final rows."""
    with made.fresh(OFFICE) as url, project.office(url) as databases:
        checkpoint(url)
        return seconds_of(lambda: project.load_and_merge(databases, files))


def more_events(made: Lab, databases: project.Office, numbers: Iterator[int]) -> float:
    """(d) Ten thousand events on top of the history."""
    first_id = FAR_IDS + next(numbers) * MORE_EVENTS
    more = make_lines(made.new_folder("more"), MORE_EVENTS, first_id=first_id)
    return seconds_of(lambda: project.load_and_merge(databases, more.files(), sweep=False))


def micro_batches(made: Lab, databases: project.Office, numbers: Iterator[int]) -> float:
    """(m) Small batches of claims on top of the history."""
    first_id = FAR_IDS + next(numbers) * MORE_EVENTS
    rows = MICRO_BATCH * MICRO_BATCHES
    more = make_lines(made.new_folder("more"), rows, first_id=first_id)
    project.load(databases, more.files())

    def merge() -> None:
        for _ in merge_stream(databases["claim"], "claim", batch_size=MICRO_BATCH, sweep=None):
            pass

    seconds = seconds_of(merge)
    project.merge(databases, sweep=False)
    return seconds


def recompute(databases: project.Office, rows: int) -> float:
    """(f) All windows of the history anew."""
    windows = rows // CLAIMS_OF_A_WINDOW + 1
    until = SINCE + windows * timedelta(minutes=10)
    return seconds_of(lambda: project.recompute(databases["claim"], since=SINCE, until=until))


def timed_files(folder: Path, rows: int) -> dict[str, Path]:
    """So many claims, a hundred a window, and a tenth as many diagnoses, each with its time."""
    folder.mkdir(parents=True)
    rng = Random(rows)

    def at(number: int) -> str:
        window = number // CLAIMS_OF_A_WINDOW
        moment = SINCE + window * timedelta(minutes=10) + timedelta(seconds=rng.randrange(600))
        return moment.isoformat()

    claims = (
        {"id": n, "patient_id": rng.randint(1, 1000), "code": "A", "price": n % 90, "tsp": at(n)}
        for n in range(rows)
    )
    codes = ("R41.3", "J44.9", "E11.9", "I10")
    diagnoses = (
        {
            "id": n,
            "patient_id": rng.randint(1, 1000),
            "icd10_code": rng.choice(codes),
            "tsp": at(10 * n),
        }
        for n in range(rows // 10)
    )
    files = {"claim": folder / "claim.jsonl", "diagnose": folder / "diagnose.jsonl"}
    for stream, events in (("claim", claims), ("diagnose", diagnoses)):
        files[stream].write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return files


if __name__ == "__main__":
    main()
