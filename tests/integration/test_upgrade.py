"""A database of commit 5403e04, from before the baseline, is upgraded with all its data."""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from integration.events import compute_and_publish, merge, rows
from integration.upgrade.queries import QUERIES
from pipeline.audit.rebuild import rebuild
from pipeline.audit.release import release
from pipeline.audit.verify import recorded_files, verify, verify_files
from pipeline.core.database import Database
from pipeline.core.window import EARLIEST
from pipeline.operations.status import read_status
from pipeline.revenue.revenue import compute
from pipeline.schema.migrate import apply_schema
from prepared import INIT_SQL

FOLDER = Path(__file__).parent / "upgrade"
ARCHIVE = FOLDER / "archive"
PROGRAMS = next(Path(sys.prefix).rglob("pginstall18/bin"))
AWAITED = "SELECT stream, seq FROM staging.awaited_patient ORDER BY seq"
REJECTED_FOR_A_PATIENT = """
    SELECT o.stream, o.seq FROM staging.outcome AS o JOIN staging.event AS e ON o.seq = e.seq
    WHERE o.reason = 'unknown_patient' ORDER BY o.seq
    """
LATER = datetime(2026, 5, 15, tzinfo=UTC)

# What was due then has waited since: that is not what an upgrade is to answer for.
SINCE_THE_DUMP = datetime.now(UTC) - datetime(2026, 5, 1, tzinfo=UTC)

# Partitions of days: the two databases have those of different days.
DAYS = "staging.*_20*"
ENTRY = re.compile(r"^--\n-- Name: ", re.MULTILINE)


NEW_CATEGORIES = "FROM analytics.tracked_diagnosis WHERE backfilled_at IS NULL"


@pytest.fixture
def upgraded(empty_database_url: str, office_template: str) -> Iterator[Database]:  # noqa: ARG001
    """The database of that commit, brought to today's schema; the template made the roles."""
    restore(empty_database_url)
    with closing(Database(empty_database_url)) as database:
        apply_schema(database)
        yield database


def restore(url: str) -> None:
    dump = gzip.decompress((FOLDER / "office.sql.gz").read_bytes())
    command = [str(PROGRAMS / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url]
    subprocess.run(command, input=dump, stdout=subprocess.DEVNULL, check=True)


def figures(database: Database) -> dict[str, Any]:
    """What the database says, in the form of the file."""
    status = database.run(read_status)
    found = {
        "due_windows": status.due_windows,
        "held_back": [f"{window:%Y-%m-%d %H:%M}" for window in status.held_back],
        **{name: rows(database, query) for name, query in QUERIES.items()},
    }
    as_in_file: dict[str, Any] = json.loads(json.dumps(found))
    return as_in_file


def figures_of_that_commit() -> dict[str, Any]:
    reported: dict[str, Any] = json.loads((FOLDER / "figures.json").read_text())
    return reported


def broken(database: Database, *, patience: timedelta | None = None) -> list[str]:
    promises = database.run(partial(verify, patience=patience), snapshot=True)
    files = database.run(partial(recorded_files, since=EARLIEST))
    return [each.name for each in [*promises, verify_files(files, ARCHIVE)] if not each.holds]


def differences(database: Database) -> list[Any]:
    return rebuild(database, batch_size=100, is_applied=False, archive=ARCHIVE).differences


def schema(database: Database) -> set[str]:
    """The entries of a dump of the schema, rights and comments included; of rights, the lines."""
    command = [str(PROGRAMS / "pg_dump"), "--schema-only", f"--exclude-table={DAYS}", database.dsn]
    dumped = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    _, *entries = ENTRY.split(dumped.partition("\n\\unrestrict ")[0])
    return {
        part.strip()
        for entry in entries
        for part in (entry.splitlines() if "; Type: ACL;" in entry else [entry])
    }


def test_all_data_and_figures_are_kept(upgraded: Database) -> None:
    assert figures(upgraded) == figures_of_that_commit()
    assert broken(upgraded, patience=SINCE_THE_DUMP) == []
    assert differences(upgraded) == []
    assert rows(upgraded, AWAITED) == rows(upgraded, REJECTED_FOR_A_PATIENT)


def test_the_office_goes_on(upgraded: Database) -> None:
    [held_back] = upgraded.run(read_status).held_back
    upgraded.run(partial(release, moment=held_back, reason="The owner confirmed it."))
    merge(upgraded)
    compute_and_publish(upgraded, LATER)
    status = upgraded.run(read_status)
    assert {stream.pending for stream in status.streams} == {0}
    assert (status.due_windows, status.held_back) == (0, [])
    # The last category was inserted after the last analytics run of that commit.
    categories = "SELECT DISTINCT category FROM analytics.revenue_by_diagnosis ORDER BY category"
    assert rows(upgraded, categories) == [
        ("Amnesia",),
        ("Asthma",),
        ("Diabetes",),
        ("Hypertension",),
    ]
    assert broken(upgraded) == []
    assert differences(upgraded) == []


def test_an_upgrade_makes_no_window_due(empty_database_url: str, office_template: str) -> None:  # noqa: ARG001
    restore(empty_database_url)
    with closing(Database(empty_database_url)) as database:
        # All categories are in the figures: the one that was inserted last is not.
        rows(database, f"DELETE {NEW_CATEGORIES} RETURNING category")
        apply_schema(database)
        merge(database)
        due = set(rows(database, "SELECT window_start FROM analytics.dirty_window"))
        candidate = database.run(partial(compute, now=LATER))
        assert {(window,) for window in candidate.windows} == due
        published = "SELECT count(DISTINCT window_start) FROM analytics.revenue_by_diagnosis"
        [(windows,)] = rows(database, published)
        assert len(due) < windows


def test_the_schema_is_that_of_a_new_database(upgraded: Database, database: Database) -> None:
    with upgraded.transaction() as cursor:
        cursor.execute("DELETE FROM patient WHERE id = 1000")
        # It sets the given tables to how a new database makes them.
        cursor.execute(INIT_SQL.read_text(encoding="utf-8"))
    assert schema(upgraded) == schema(database)
    assert rows(upgraded, "SELECT count(*) FROM patient WHERE id = 1000") == [(0,)]


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE staging.merge_run ALTER contract DROP DEFAULT",
        "DROP INDEX staging.outcome_rejected",
        "COMMENT ON VIEW audit.rejected IS 'Otherwise.'",
        "GRANT SELECT (payload) ON staging.event TO office_auditor",
        "ALTER FUNCTION staging.make_partitions(date, date) SECURITY INVOKER",
    ],
)
def test_another_schema_is_told_apart(database: Database, change: str) -> None:
    before = schema(database)
    with database.transaction() as cursor:
        cursor.execute(change)
    assert schema(database) != before


def test_an_upgrade_is_done_once(upgraded: Database) -> None:
    applied = "SELECT name, applied_at FROM schema_version ORDER BY name"
    before = rows(upgraded, applied)
    apply_schema(upgraded)
    assert rows(upgraded, applied) == before
