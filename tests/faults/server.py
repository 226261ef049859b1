"""A PostgreSQL of a lane's own, that can be stopped, killed and started again."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg2
import psycopg2.extensions

from pipeline.operations import embedded
from pipeline.operations.embedded_user import Site, find_site
from prepared import HOME_VARIABLE, INIT_SQL, make_server_home, prepare


class Reader:
    """One connection that is kept for many short questions, and opened again where it broke."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg2.extensions.connection | None = None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query returns, committed; a connection that broke meanwhile is tried once more."""
        try:
            return self._ask(query)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            self.close()
            return self._ask(query)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = psycopg2.connect(
                self._url, application_name="harness", options="-c timezone=UTC"
            )
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []


def own_port() -> int:
    """A port for a server of this process.

    While the server is down, no other run of the tests on this machine must begin one on its port:
    the office would take that one for its own.
    """
    return 28000 + os.getpid() % 2000


class Server:
    """An embedded server in a folder that any user may enter."""

    def __init__(self, port: int, *, init_sql: Path | None = INIT_SQL) -> None:
        self._preferred_port = port
        self._init_sql = init_sql
        self.home = make_server_home()
        if init_sql == INIT_SQL and HOME_VARIABLE in os.environ:
            prepare(self.home)
        self.url = self.start()

    @property
    def port(self) -> int:
        return int((self.home / "port").read_text())

    @property
    def site(self) -> Site:
        site = find_site(self.home, "postgres")
        assert site is not None
        return site

    @property
    def data(self) -> Path:
        return self.site.folder / "data"

    @property
    def log(self) -> Path:
        return self.site.folder / "server.log"

    def start(self) -> str:
        return embedded.start(
            self.home, init_sql=self._init_sql, say=lambda _: None, port=self._preferred_port
        )

    def stop(self, mode: str) -> None:
        """`immediate` leaves a crash behind, `fast` rolls back and writes all out."""
        self.site.run("pg_ctl", "stop", f"--pgdata={self.data}", f"--mode={mode}", "--wait")

    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def run(self, program: str, *arguments: str | Path) -> str:
        """Runs one of PostgreSQL's programs on the office's database; what it prints."""
        parts = psycopg2.extensions.parse_dsn(self.url)
        names = ("host", "port", "user", "password", "dbname")
        variables = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE")
        environment = {
            variable: parts[name] for variable, name in zip(variables, names, strict=True)
        }
        done = self.site.run(program, *arguments, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kill_postmaster(self) -> None:
        """Backends that wait notice at once; one that computes goes on, and holds up the start."""
        postmaster = psutil.Process(self.postmaster())
        children = postmaster.children()
        postmaster.kill()
        _, busy = psutil.wait_procs(children, timeout=2)
        for backend in busy:
            with suppress(psutil.NoSuchProcess):
                backend.kill()

    def kill_a_backend(self, pid: int) -> None:
        """The postmaster ends all others and recovers, as after a crash."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        if not self.home.exists():
            return
        folder = self.site.folder
        embedded.stop(self.home)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)


class SmallDisk:
    """A small file system for some of a server's tables, that can be filled up.

    Real where mounting is allowed, which it is to root; `mount` says None where it isn't.
    """

    SIZE_MEGABYTES = 512

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @classmethod
    def mount(cls, folder: Path, owner: Path) -> "SmallDisk | None":
        """Mounts it at a folder, for the user that owns another."""
        folder.mkdir()
        options = f"size={cls.SIZE_MEGABYTES}m,mode=0700,uid={owner.stat().st_uid}"
        mount = shutil.which("mount")
        if os.geteuid() != 0 or mount is None:
            return None
        done = subprocess.run(
            [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
            check=False,
            capture_output=True,
        )
        return cls(folder) if done.returncode == 0 else None

    def fill(self) -> None:
        """Leaves no room."""
        block = bytes(1024 * 1024)
        with self._filler.open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(block)

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        umount = shutil.which("umount")
        assert umount is not None
        subprocess.run([umount, "--lazy", str(self.folder)], check=True)
