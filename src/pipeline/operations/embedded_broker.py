"""An embedded NATS server with JetStream, from a PyPI package: the broker of `run --ingestors`."""

import os
import secrets
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pipeline.core.errors import OfficeError

PROGRAM: Final = Path(sysconfig.get_path("scripts")) / "nats-server"
HOST: Final = "127.0.0.1"
USER: Final = "office"
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05

# The contract allows 1 MiB; the broker counts an event's headers, too. With Docker it is set in
# setup/broker.conf.
MAX_PAYLOAD: Final = 1024 * 1024 + 64 * 1024

_CONFIG: Final = """\
host: {host}
port: {port}
pid_file: "{folder}/pid"
log_file: "{folder}/log"
max_payload: {max_payload}
jetstream {{ store_dir: "{folder}/streams" }}
authorization {{ user: {user}, password: "{password}" }}
{more}
"""


class BrokerServer:
    """A NATS server that keeps its streams, port and password in a folder between runs.

    Args:
        folder: the folder.
        more: more lines for the server's configuration file.
    """

    def __init__(self, folder: Path, *, more: str = "") -> None:
        self._more = more
        self._folder = folder.absolute()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._password = self._kept("password", secrets.token_hex)
        self._port = int(self._kept("port", lambda: str(_free_port())))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the server, with user and password."""
        return f"nats://{USER}:{self._password}@{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """The pid of the server, or of the last one if it is stopped."""
        return int((self._folder / "pid").read_text())

    def start(self) -> None:
        """Start the server if it is not running, and wait until it listens.

        Raises:
            OfficeError: it did not start.
        """
        if self._listens():
            return
        config = self._folder / "config"
        config.touch(mode=0o600)
        config.write_text(
            _CONFIG.format(
                host=HOST,
                port=self._port,
                max_payload=MAX_PAYLOAD,
                folder=self._folder,
                user=USER,
                password=self._password,
                more=self._more,
            )
        )
        self._process = subprocess.Popen(
            [PROGRAM, "--config", config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise OfficeError(f"The broker did not start: see {self._folder / 'log'}.")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Ask the server to end, and wait until it has ended."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the server."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(STOP_SECONDS)
            self._process = None
        elif self._listens():
            # An earlier run started it and did not stop it; the pid file is still there.
            os.kill(self.pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self._listens() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection((HOST, self._port), timeout=1) as link:
            return link.recv(5) == b"INFO "
        return False

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        file = self._folder / name
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(make())
        return file.read_text()


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """Runs a broker while the context lasts; yields its URL."""
    server = BrokerServer(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        return int(taken.getsockname()[1])
