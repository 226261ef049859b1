"""This checkout's speed beside that of another commit, by turns: `make bench-against COMMIT=...`.

Both do the same works on servers of their own, by turns, and the order changes with every
turn. It prints the median seconds of each and their ratio: more than 1 means that this checkout is
faster.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import click

from pipeline.core.settings import PROJECT_FOLDER

WORKER = Path(__file__).with_name("against_worker.py")
WORKS = {
    "a": "events through the callback, many in flight",
    "c": "load and merge to final rows",
    "o": "load and merge of one stream's half of them",
    "d": "10,000 events on top of a history",
    "m": "batches of 200 claims on top of a history",
    "f": "all windows computed and published anew",
}


@click.command()
@click.option("--commit", required=True, help="What to compare with.")
@click.option("--rows", type=int, default=300_000, show_default=True)
@click.option("--runs", type=int, default=5, show_default=True)
@click.option("--only", default="".join(WORKS), help="The letters of some of the works.")
def main(commit: str, rows: int, runs: int, only: str) -> None:
    """Compares this checkout with a commit."""
    with ExitStack() as running:
        other = running.enter_context(checked_out(commit))
        own = running.enter_context(worker(PROJECT_FOLDER, rows))
        others = running.enter_context(worker(other, rows))
        for letter, name in WORKS.items():
            if letter not in only:
                continue
            ours, theirs = by_turns(own, others, letter, runs)
            ratio = median(theirs) / median(ours)
            lowest, highest = spread(ours, theirs)
            click.echo(
                f"({letter}) {name}: {median(ours):.3f} s, {commit} {median(theirs):.3f} s, "
                f"ratio {ratio:.2f} ({lowest:.2f}-{highest:.2f})"
            )


Process = subprocess.Popen[str]


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with the files of a commit, and with the worker."""
    with tempfile.TemporaryDirectory(prefix="office-against-") as folder:
        place = Path(folder) / "checkout"
        git("worktree", "add", "--detach", str(place), commit)
        try:
            (place / "tests" / "benchmarks" / WORKER.name).write_bytes(WORKER.read_bytes())
            yield place
        finally:
            git("worktree", "remove", "--force", str(place))


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=PROJECT_FOLDER, check=True, capture_output=True)  # noqa: S607


@contextmanager
def worker(project: Path, rows: int) -> Iterator[Process]:
    """A process that does works with a checkout's code; it ends with its input."""
    roots = os.pathsep.join(str(project / root) for root in ("src", "tests"))
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.against_worker", str(rows)],
        cwd=project,
        env={**os.environ, "PYTHONPATH": roots},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert read(process) == "ready"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def by_turns(
    own: Process, others: Process, letter: str, runs: int
) -> tuple[list[float], list[float]]:
    """The seconds of each; one more run before, which does not count, warms both up."""
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(runs + 1):
        turn = [(own, ours), (others, theirs)]
        for process, seconds in turn if number % 2 else reversed(turn):
            seconds.append(ask(process, letter))
    return ours[1:], theirs[1:]


def ask(process: Process, letter: str) -> float:
    assert process.stdin is not None
    process.stdin.write(f"{letter}\n")
    process.stdin.flush()
    return float(read(process))


def read(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def spread(ours: list[float], theirs: list[float]) -> tuple[float, float]:
    """The lowest and the highest ratio of two runs of one turn."""
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    return min(ratios), max(ratios)


if __name__ == "__main__":
    main()
