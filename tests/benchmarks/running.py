"""The office's processes as they run, against a database of the lab, at any pace."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

from benchmarks import paced_ingestor
from benchmarks.lines import Lines
from e2e.processes import free_port
from pipeline.core.settings import PROJECT_FOLDER

DEADLINE_SECONDS: Final = 60.0
STOP_SECONDS: Final = 60.0
BATCH_MERGED: Final = re.compile(
    r'time=(\S+) .*event="batch merged" stream=(\w+) run_id=(\d+) merged=(\d+) duplicate=(\d+) '
    r"conflict=(\d+) rejected=(\d+)"
)


class Process:
    """An entry point that runs, with its log in a file."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._running = subprocess.Popen(
                [sys.executable, *command],
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._running.pid

    def wait_until_logged(self, words: str) -> None:
        """Returns when its log has these words."""
        self.wait_until(lambda: words in self.text(), DEADLINE_SECONDS)

    def wait_until(self, condition: Callable[[], object], seconds: float) -> None:
        """Returns when it is so.

        Raises:
            RuntimeError: the process ended before, or the time was over.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if self._running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.log.stem} did not come that far:\n{self.text()[-2000:]}")
            time.sleep(0.05)

    def text(self) -> str:
        """What it has logged."""
        return self.log.read_text(encoding="utf-8")

    def stop(self) -> None:
        """Ends it as a person would, in its own time.

        Raises:
            RuntimeError: it said that something went wrong.
        """
        self._running.terminate()
        if self._running.wait(STOP_SECONDS):
            raise RuntimeError(f"{self.log.stem} ended badly:\n{self.text()[-2000:]}")

    def kill(self) -> None:
        """Ends it at once, if it runs."""
        self._running.kill()
        self._running.wait()


@contextmanager
def started(name: str, *command: str, folder: Path, **environment: str) -> Iterator[Process]:
    """A process that has ended afterwards, however that comes."""
    roots = os.pathsep.join(str(PROJECT_FOLDER / root) for root in ("src", "tests"))
    own = {"PYTHONPATH": roots, "OFFICE_METRICS_PORT": str(free_port(2))}
    process = Process(list(command), own | environment, folder / f"{name}.log")
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def paced(url: str, lines: Lines, rate: float) -> Iterator[Process]:
    """The ingestor, receiving both streams' lines at so many events a second, of both together."""
    environment = {
        "DATABASE_URL": url,
        paced_ingestor.FOLDER: str(lines.folder),
        paced_ingestor.RATE: str(rate / len(lines.counts)),
    }
    command = ("-m", paced_ingestor.__name__)
    with started("ingestor", *command, folder=lines.folder, **environment) as process:
        process.wait_until_logged("event=receiving")
        yield process


def processor_seconds(pid: int) -> float:
    """What a process and its children have spent, with those that have ended."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    running = [child.cpu_times() for child in process.children(recursive=True)]
    ended = own.children_user + own.children_system
    return float(ended + sum(times.user + times.system for times in [own, *running]))


def published(lines: Lines) -> dict[str, dict[str, float]]:
    """When the publishing of each stream began and ended; only those that have ended."""
    files = {stream: lines.folder / f"{stream}.json" for stream in lines.counts}
    return {s: json.loads(file.read_bytes()) for s, file in files.items() if file.exists()}


def batches(process: Process) -> list[tuple[str, int, int, float]]:
    """The batches an ingestor has merged, by its log: stream, run, raw rows, and when."""
    return [
        (stream, int(run_id), sum(map(int, fates)), datetime.fromisoformat(at).timestamp())
        for at, stream, run_id, *fates in BATCH_MERGED.findall(process.text())
    ]
