"""Starts and stops the entry points as processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SOURCE_FOLDER = Path(__file__).parents[2]


class Processes:
    """Entry points that run at the same time, each with its own log file."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._logs.mkdir(parents=True, exist_ok=True)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, command: Sequence[str], changed_environment: Mapping[str, str]
    ) -> None:
        """Starts a script of `src` in its own session, so that Ctrl-C reaches this process only."""
        script, *arguments = command
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, str(SOURCE_FOLDER / script), *arguments],
                env={**os.environ, **changed_environment, "OFFICE_STOP_AT_END_OF_INPUT": "true"},
                # Never written to. It closes when this process ends, and the script then stops.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """The log file of an entry point."""
        return self._logs / f"{name}.log"

    def ended(self) -> list[str]:
        """The names of the processes that have ended without being asked to."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def stop(self, seconds: float) -> list[str]:
        """Asks all processes to stop, and kills those that take longer than `seconds`.

        Returns:
            The names of the processes that had to be killed, or that ended with an error.
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
            # A process that does not handle SIGTERM yet has nothing to drain: it may just end.
            return process.wait(max(seconds, 0.1)) in (0, -signal.SIGTERM)
        except subprocess.TimeoutExpired:
            process.kill()
            return False
