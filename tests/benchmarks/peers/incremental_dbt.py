"""dbt's way: raw lines by COPY, then an incremental model a stream, merged by its unique key.

Its raw tables keep all lines. With --empty-raw they keep those of the last load only; then they are
unlogged and have no key.
Its name does not begin with dbt_: dbt would take it for a plugin.
"""

import os
import shutil
from contextlib import closing
from pathlib import Path

import psycopg2
from common import arguments, execute, for_each_stream, tell_seconds
from dbt.cli.main import dbtRunner, dbtRunnerResult
from psycopg2.extensions import parse_dsn

asked = arguments(description=__doc__)
parts = parse_dsn(asked.dsn)
for variable, part in {
    "PEER_HOST": "host",
    "PEER_PORT": "port",
    "PEER_USER": "user",
    "PEER_PASSWORD": "password",
    "PEER_DATABASE": "dbname",
}.items():
    os.environ[variable] = parts[part]
os.environ["PEER_RAW"] = "emptied" if asked.empty_raw else "kept"
RAW_TABLE = (
    "CREATE UNLOGGED TABLE IF NOT EXISTS raw.{} "
    "(seq bigint GENERATED ALWAYS AS IDENTITY, line text)"
    if asked.empty_raw
    else "CREATE TABLE IF NOT EXISTS raw.{} "
    "(seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, line text)"
)
project = asked.folder / "project"
shutil.copytree(Path(__file__).parent / "project_dbt", project)
where = ["--project-dir", str(project), "--profiles-dir", str(project), "--quiet"]


def dbt(runner: dbtRunner, *command: str) -> dbtRunnerResult:
    done = runner.invoke([*command, *where])
    if not done.success:
        raise SystemExit(f"dbt {command[0]} failed: {done.exception or done.result}")
    return done


def copy(stream: str, file: Path) -> None:
    with (
        closing(psycopg2.connect(asked.dsn)) as connection,
        connection.cursor() as cursor,
        file.open("rb") as lines,
    ):
        if asked.empty_raw:
            cursor.execute(f"TRUNCATE raw.{stream}")
        cursor.copy_expert(f"COPY raw.{stream} (line) FROM STDIN", lines)
        connection.commit()


execute(
    asked.dsn,
    "CREATE SCHEMA IF NOT EXISTS raw",
    *(RAW_TABLE.format(stream) for stream in ("claim", "diagnose")),
)
# The first run makes the tables where they aren't there; it is not timed, nor is reading models.
parsed = dbt(dbtRunner(), "parse")
dbt(dbtRunner(manifest=parsed.result), "run", "--select", *asked.files)
warm = dbtRunner(manifest=parsed.result)


def work() -> None:
    for_each_stream(asked.files, copy)
    dbt(warm, "run", "--select", *asked.files)


tell_seconds(asked.dsn, work)
