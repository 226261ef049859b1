"""Starts the entry points as processes, and stops them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SOURCE_FOLDER = Path(__file__).parents[2]


class Processes:
    """Entry points running beside each other, each with a log file of its own."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._logs.mkdir(parents=True, exist_ok=True)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, command: Sequence[str], changed_environment: Mapping[str, str]
    ) -> None:
        """Starts a script of `src`, out of reach of a Ctrl-C, which is ours to pass on."""
        script, *arguments = command
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, str(SOURCE_FOLDER / script), *arguments],
                env={**os.environ, **changed_environment, "OFFICE_STOP_AT_END_OF_INPUT": "true"},
                # Never written to: it ends when this process does, however that comes.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """The log file of an entry point."""
        return self._logs / f"{name}.log"

    def ended(self) -> list[str]:
        """The names of those that have ended of their own accord."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def stop(self, seconds: float) -> list[str]:
        """Asks all to stop, and ends those that have not within that time.

        Returns:
            The names of those that had to be ended, or that ended with an error.
        """
        deadline = time.monotonic() + seconds
        for process in self._running.values():
            process.terminate()
        return [
            name
            for name, process in self._running.items()
            if not _ends_well(process, deadline - time.monotonic())
        ]


def _ends_well(process: subprocess.Popen[bytes], seconds: float) -> bool:
    with process:  # closes its input, and waits for it
        try:
            # Before it listens to signals, a process has nothing to drain: it may just end.
            return process.wait(max(seconds, 0.1)) in (0, -signal.SIGTERM)
        except subprocess.TimeoutExpired:
            process.kill()
            return False
