"""Servers that are set up already: one is made and then copied, as making one takes seconds."""

import fcntl
import os
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg2

from pipeline.operations.embedded import server

INIT_SQL: Final = Path(__file__).parents[1] / "setup" / "init_db.sql"
HOME_VARIABLE: Final = "OFFICE_TESTS_HOME"
PORT: Final = 25431


def prepare(home: Path) -> None:
    """Gives a folder a server that is set up and stopped, as a first start would leave it."""
    shared = Path(os.environ[HOME_VARIABLE])
    made = shared / "prepared"
    with (shared / "prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            set_up(made, INIT_SQL)
    copy_server(made, home)


def set_up(home: Path, init_sql: Path) -> None:
    """Sets up a server, and stops it."""
    with server(home, init_sql=init_sql, say=lambda _: None, port=PORT) as url:
        stop_waiting_for_the_disk(url)


def copy_server(made: Path, home: Path) -> None:
    """Copies a server that is stopped; the copy begins its own log and chooses its own port."""
    subprocess.run(["/bin/cp", "--archive", made / "postgres", home], check=True)
    (home / "postgres" / "server.log").unlink()


def stop_waiting_for_the_disk(url: str) -> None:
    """Makes a server fast: only a crash of the machine could lose data, and no test does that."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("ALTER SYSTEM SET fsync = off")
            cursor.execute("SELECT pg_reload_conf()")
