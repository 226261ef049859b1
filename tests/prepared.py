"""Servers that are set up already: one is made and then copied, as making one takes seconds."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg2

from pipeline.core.database import Database
from pipeline.operations.embedded import server
from pipeline.schema.migrate import apply_schema

INIT_SQL: Final = Path(__file__).parents[1] / "setup" / "init_db.sql"
HOME_VARIABLE: Final = "OFFICE_TESTS_HOME"
PORT: Final = 25431
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - no name in it is guessed
ROOM_BYTES: Final = 4 * 1024**3

# Only a crash of the machine could lose data by it, and no test crashes the machine.
FAST: Final = ("fsync = off", "full_page_writes = off", "max_wal_size = '512MB'")


def make_shared_home() -> Path:
    """The folder of the server that the tests share, in memory where there is room."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return _make_folder(MEMORY if in_memory else None)


def make_server_home() -> Path:
    """A folder for a server: beside the shared one, or on the disk where there are no tests."""
    shared = os.environ.get(HOME_VARIABLE)
    return _make_folder(Path(shared).parent if shared else None)


def _make_folder(parent: Path | None) -> Path:
    """A folder that any user may enter.

    Not one of pytest's own: as root, the server runs as a user who can't reach those.
    """
    folder = Path(tempfile.mkdtemp(prefix="office-tests-", dir=parent)).resolve()
    folder.chmod(0o755)
    return folder


def prepare(home: Path) -> None:
    """Gives a folder a server that is set up and stopped, with the given tables only."""
    copy_server(_made_once("prepared", lambda made: set_up(made, INIT_SQL)), home)


def prepare_with_schema(home: Path) -> None:
    """Gives a folder a server that is stopped, as a first start of the office would leave it."""
    copy_server(_made_once("prepared_with_schema", _set_up_with_schema), home)


def _made_once(name: str, make: Callable[[Path], None]) -> Path:
    """A folder that all workers share; the first who asks for it makes it."""
    shared = Path(os.environ[HOME_VARIABLE])
    made = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make(made)
    return made


def _set_up_with_schema(home: Path) -> None:
    home.mkdir()
    prepare(home)
    with (
        server(home, init_sql=INIT_SQL, say=lambda _: None, port=PORT) as url,
        closing(Database(url)) as database,
    ):
        apply_schema(database)


def set_up(home: Path, init_sql: Path) -> None:
    """Sets up a server, and stops it."""
    with server(home, init_sql=init_sql, say=lambda _: None, port=PORT) as url:
        make_fast(url)


def copy_server(made: Path, home: Path) -> None:
    """Copies a server that is stopped; the copy begins its own log and chooses its own port."""
    subprocess.run(["/bin/cp", "--archive", made / "postgres", home], check=True)
    (home / "postgres" / "server.log").unlink()


def make_fast(url: str) -> None:
    """Lets a server neither wait for the disk nor keep much beside its data."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for setting in FAST:
                cursor.execute(f"ALTER SYSTEM SET {setting}")
            cursor.execute("SELECT pg_reload_conf()")
