"""The office's entry points as processes, and what they say."""

import os
import pty
import random
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]

from e2e.forkserver import Forked
from pipeline.operations import embedded
from waits import DEADLINE_SECONDS, wait_for

SOURCE = Path(__file__).parents[2] / "src"
# The ingestor is started afresh: it imports little, and tests measure its memory.
SLOW_TO_IMPORT = {"office.py", "analytics.py", "analytics"}

# Makes its standard input the terminal that a Ctrl-C comes from, and becomes the command.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True)
class Result:
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str


class Running:
    """A process whose output goes to files, so that it can be read at any time."""

    def __init__(
        self, command: list[str], *, environment: dict[str, str], home: Path, output: Path
    ) -> None:
        self._out = output.with_suffix(".out")
        self._err = output.with_suffix(".err")
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = _start(command, environment, home, out, err)

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8")

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Waits for something to become true while the process goes on."""

        def is_true() -> bool:
            if condition():
                return True
            assert self.process.poll() is None, f"ended with {self.process.poll()}: {self.err}"
            return False

        wait_until(is_true)

    def result(self, given: bytes = b"") -> Result:
        """Gives it its standard input, and waits for its end."""
        self.process.communicate(given, timeout=DEADLINE_SECONDS)
        return Result(self.process.wait(), self.out, self.err)

    def stop(self, signal_number: signal.Signals) -> Result:
        self.process.send_signal(signal_number)
        return self.result()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def _start(
    command: list[str], environment: dict[str, str], home: Path, out: IO[bytes], err: IO[bytes]
) -> "subprocess.Popen[bytes] | Forked":
    """Starts a process in a session of its own: forked, where importing would take long."""
    is_slow = any(word in SLOW_TO_IMPORT for word in map(os.path.basename, command))
    if is_slow and command[0] == sys.executable:
        return Forked(command, env=environment, cwd=home, stdout=out, stderr=err)
    return subprocess.Popen(
        command,
        env=environment,
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )


class Terminal:
    """A process in a terminal of its own, 80 columns wide."""

    def __init__(self, command: list[str], *, environment: dict[str, str], home: Path) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self._is_open = True
        self._shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *command],
            env={**environment, "TERM": "xterm-256color"},
            cwd=home,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def text(self) -> str:
        """All that was shown so far, without colours and movements of the cursor."""
        while select.select([self._master], [], [], 0)[0]:
            try:
                read = os.read(self._master, 65536)
            except OSError:  # how Linux says that nobody is left at the other end
                break
            if not read:
                break
            self._shown += read
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown.decode("utf-8", "replace"))

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def hang_up(self) -> int:
        """Closes the terminal, waits for the process's end, and returns its exit code."""
        os.close(self._master)
        self._is_open = False
        wait_until(lambda: self.process.poll() is not None)
        return self.process.wait()

    def wait(self) -> int:
        """Waits for the process's end, reading on meanwhile, and returns its exit code."""
        wait_until(lambda: self.text() and self.process.poll() is not None)
        return self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._is_open:
            os.close(self._master)


class Office:
    """An OFFICE_HOME with all that is started in it; without a database's URL, embedded."""

    def __init__(
        self,
        home: Path,
        outputs: Path,
        database_url: str | None = None,
        *,
        source: Path = SOURCE,
    ) -> None:
        self.home = home
        self.source = source
        self.outputs = outputs
        self.database_url = database_url
        self.reports_port = free_port()
        self.metrics_port = free_port(4)
        self._environment = plain_environment() | {
            "OFFICE_HOME": str(home),
            "OFFICE_REPORTS_PORT": str(self.reports_port),
            "OFFICE_METRICS_PORT": str(self.metrics_port),
        }
        if database_url is not None:
            self._environment["DATABASE_URL"] = database_url
        self._started: list[Running | Terminal] = []

    def start(
        self,
        *arguments: str | Path,
        program: str = "office",
        before: str = "",
        **variables: str,
    ) -> Running:
        """Starts `src/PROGRAM.py` with arguments and, beside the office's own, variables.

        `before` is the command line that starts it, such as nohup.
        """
        running = Running(
            [*shlex.split(before), *self._command(program, *arguments)],
            environment=self._environment | variables,
            home=self.home,
            output=self.outputs / f"{len(self._started):03}",
        )
        self._started.append(running)
        return running

    def command(self, *arguments: str | Path, given: bytes = b"", **variables: str) -> Result:
        """Runs a command to its end."""
        return self.start(*arguments, **variables).result(given)

    def start_in_terminal(self, *arguments: str, before: str = "", **variables: str) -> Terminal:
        terminal = Terminal(
            [*shlex.split(before), *self._command("office", *arguments)],
            environment=self._environment | variables,
            home=self.home,
        )
        self._started.append(terminal)
        return terminal

    def processes(self) -> dict[int, str]:
        """The live processes that mention this home or work in it, with their command lines."""
        return processes_in(self.home, self._cluster)

    def close(self) -> None:
        """Ends all that is left, so that no test leaves anything behind."""
        for started in self._started:
            started.close()
        cluster = self._cluster
        embedded.stop(self.home)
        for pid in processes_in(self.home, cluster):
            with suppress(psutil.Error):
                psutil.Process(pid).kill()
        wait_until(lambda: not processes_in(self.home, cluster))

    def _command(self, program: str, *arguments: str | Path) -> list[str]:
        return [sys.executable, str(self.source / f"{program}.py"), *map(str, arguments)]

    @property
    def _cluster(self) -> Path:
        return (self.home / "postgres").resolve()


def processes_in(*folders: Path) -> dict[int, str]:
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = [*process.cmdline(), process.cwd()]
            if any(str(folder) in word for folder in folders for word in words):
                found[process.pid] = " ".join(process.cmdline())
    return found


def free_port(count: int = 1) -> int:
    """The first of so many ports in a row, below those of the kernel's outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with ExitStack() as probes, suppress(OSError):
            for number in range(port, port + count):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", number))
            return port


def wait_until(condition: Callable[[], object]) -> None:
    assert wait_for(condition), "it did not become true"


def plain_environment() -> dict[str, str]:
    """Our environment without what would name another database, pipes or a terminal's size."""
    databases = ("PG", "DB_", "OFFICE_", "DATABASE_URL")
    pipes = ("CLAIM_PIPE_NAME", "DIAGNOSE_PIPE_NAME")
    foreign = (*databases, *pipes, "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
