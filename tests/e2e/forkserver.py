"""Starts the entry points quickly: the libraries that take seconds to import are imported once.

A server process imports Great Expectations and the other libraries, and forks for each command. The
test workers share it.
Nothing of the project is imported before the fork. So a command runs its own start-up, in its own
process, session, folder and environment, and can be signalled and killed like any other process.
Only its memory is larger: a test that measures memory starts its process afresh.
"""

import atexit
import contextlib
import errno
import fcntl
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

LIBRARIES = (
    "click",
    "great_expectations",
    "great_expectations.checkpoint.actions",
    "great_expectations.render.view",
    "jinja2.meta",
    "nats",
    "pandas",
    "prometheus_client",
    "psycopg2.extras",
    "pydantic_settings",
    "rich.live",
    "rich.progress",
    "schedule",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "tenacity",
    "yaml",
)
FOLDER_VARIABLE = "OFFICE_TESTS_FORKSERVER"
INPUT = "input"
MESSAGE_BYTES = 1 << 18

# Nobody waits for a server that outlives this process.
_processes: list[subprocess.Popen[bytes]] = []


class Forked:
    """A process that the server has forked, with the methods of `subprocess.Popen`."""

    def __init__(
        self,
        command: list[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdout: IO[bytes],
        stderr: IO[bytes],
    ) -> None:
        self.returncode: int | None = None
        self._asking = _connect()
        reading, writing = os.pipe()
        request = json.dumps({"command": command, "env": dict(env), "cwd": str(cwd)}).encode()
        socket.send_fds(self._asking, [request], [reading, stdout.fileno(), stderr.fileno()])
        os.close(reading)
        self.stdin: IO[bytes] | None = os.fdopen(writing, "wb")
        self.pid = int(self._asking.recv(MESSAGE_BYTES))

    def poll(self) -> int | None:
        """The exit code, where it has ended."""
        return self._code_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end; the exit code."""
        code = self._code_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def communicate(self, given: bytes = b"", timeout: float | None = None) -> None:
        """Gives it its standard input, and waits for its end."""
        if self.stdin is not None and not self.stdin.closed:
            # It may end without reading.
            with contextlib.suppress(BrokenPipeError):
                self.stdin.write(given)
            with contextlib.suppress(BrokenPipeError):
                self.stdin.close()
        self.wait(timeout)

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _code_within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._asking], [], [], seconds)[0]:
            self.returncode = int(self._asking.recv(MESSAGE_BYTES))
            self._asking.close()
        return self.returncode


def allow_server(folder: Path) -> int:
    """Lets this process and its children start and share a server, whose files are in the folder.

    The server ends when the descriptor that is returned is closed.
    """
    folder.mkdir()
    os.environ[FOLDER_VARIABLE] = str(folder)
    os.mkfifo(folder / INPUT)
    return os.open(folder / INPUT, os.O_RDWR)


def _allow_own_server() -> None:
    """A process without pytest gets a server of its own."""
    folder = tempfile.TemporaryDirectory(prefix="forkserver-")
    kept_open = allow_server(Path(folder.name) / "server")
    atexit.register(folder.cleanup)
    atexit.register(os.close, kept_open)


@cache
def _server() -> str:
    """The socket of the server, which is started with the first command."""
    if FOLDER_VARIABLE not in os.environ:
        _allow_own_server()
    folder = Path(os.environ[FOLDER_VARIABLE])
    path = folder / "socket"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            _start_server(path, folder / INPUT)
    return str(path)


def _start_server(path: Path, given: Path) -> None:
    reading, writing = os.pipe()
    with given.open("rb", buffering=0) as standard_input:
        _processes.append(
            subprocess.Popen([sys.executable, __file__, path], stdin=standard_input, stdout=writing)
        )
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        assert told.readline() == b"ready\n"


def _connect() -> socket.socket:
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asking.connect(_server())
    return asking


# --- the server ---


def serve(path: str) -> None:
    """Forks for each request, and tells each child's pid and exit code; ends with its input."""
    for library in LIBRARIES:
        importlib.import_module(library)
    assert threading.active_count() == 1, threading.enumerate()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(64)
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # A Ctrl-C is for the tests.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children: dict[int, socket.socket] = {}
    os.write(1, b"ready\n")
    while True:
        readable = select.select([listener.fileno(), woken.fileno(), 0], [], [])[0]
        if 0 in readable:
            return
        if woken.fileno() in readable:
            woken.recv(4096)
            _tell_ended(children)
        if listener.fileno() in readable:
            _take_request(listener, children)


def _tell_ended(children: dict[int, socket.socket]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        asking = children.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            asking.send(str(os.waitstatus_to_exitcode(status)).encode())
        asking.close()


def _take_request(listener: socket.socket, children: dict[int, socket.socket]) -> None:
    asking, _ = listener.accept()
    message, descriptors, _, _ = socket.recv_fds(asking, MESSAGE_BYTES, 3)
    pid = os.fork()
    if pid == 0:
        _become(json.loads(message), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    children[pid] = asking
    asking.send(str(pid).encode())


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Turns the forked process into the command."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    os.closerange(3, 4096)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    os._exit(_run(request["command"][1:]))


def _run(arguments: list[str]) -> int:
    """Runs `script arguments...` or `-m module arguments...` as the interpreter does."""
    roots = [root for root in os.environ.get("PYTHONPATH", "").split(os.pathsep) if root]
    here = str(Path(__file__).parent)
    sys.path[:] = [*roots, *(entry for entry in sys.path if entry != here)]
    code = 0
    try:
        if arguments[0] == "-m":
            sys.path.insert(0, str(Path.cwd()))
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(arguments[0]).parent))
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as ended:
        code = _code_of(ended)
    except BaseException:  # noqa: BLE001  (the interpreter prints it, whatever it is)
        traceback.print_exc()
        code = 1
    return _finish(code)


def _code_of(ended: SystemExit) -> int:
    if ended.code is None:
        return 0
    if isinstance(ended.code, int):
        return ended.code & 0xFF
    sys.stderr.write(f"{ended.code}\n")
    return 1


def _finish(code: int) -> int:
    """Waits for threads and flushes, as the interpreter does at its end."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
    return code


if __name__ == "__main__":
    serve(sys.argv[1])
