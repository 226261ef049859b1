"""The whole job runs on the tables that a practice had before, in any session's time zone."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psycopg2
import pytest

from generators import KNOWN
from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    fates,
    merge,
    rows,
    stage_and_merge,
)
from integration.practice import TIMEZONE, MakePractice, practices
from integration.suites import copy_suites
from integration.test_plans import scans
from model import Clean, Columns, Figure, RawRow, revenue
from model import merge as modelled
from pipeline.archive.archive import archive
from pipeline.audit.explain import explain_claim, explain_window
from pipeline.audit.rebuild import rebuild
from pipeline.audit.verify import verify
from pipeline.core import database as database_module
from pipeline.core.database import Database
from pipeline.core.statements import statement
from pipeline.merge.replay import replay
from pipeline.operations.status import read_status
from pipeline.quality.checks import Checker
from pipeline.quality.cycle import CycleResult, run_cycle
from pipeline.report.display import status_line
from pipeline.report.pages import build_pages, docs_folder
from pipeline.revenue.revenue import compute, publish
from pipeline.schema.given import find_differences, missing_indexes
from pipeline.schema.migrate import apply_schema
from pipeline.staging.append import append

pytestmark = [
    # The library of the checks and its own dependencies, not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
LATER = NOON + 12 * WINDOW
HOLDS = Columns(longest_code=10, longest_icd10_code=10)
CODES = ("03003", "29001", "45001", "03230")
DIAGNOSES = ("A77.9", "R41.3", "J45.998", "J44.9")


@pytest.fixture
def make_practice(empty_database_url: str, worker_id: str) -> Iterator[MakePractice]:
    yield from practices(empty_database_url, f"practice_{worker_id}")


@pytest.fixture
def practice(make_practice: MakePractice, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """As its ordinary user, who does not own the tables. Every session is far from UTC."""
    monkeypatch.setitem(database_module.SESSION_SETTINGS, "timezone", TIMEZONE)
    with closing(Database(make_practice())) as database:
        apply_schema(database)
        yield database


def imitated(events: int) -> list[tuple[str, bytes]]:
    """What the practice sends: ids from 0, every tenth used before, with times around windows."""
    random = Random(41)
    found = []
    for number in range(events):
        moment = NOON + timedelta(seconds=random.randrange(0, 3600))
        fields = {
            "id": random.randrange(number + 1) if random.random() < 0.1 else number,
            "patient_id": random.randrange(0, 20),
            "tsp": moment.isoformat(),
        }
        paid = {"code": random.choice(CODES), "price": random.choice((3, 5, 10.5, 20))}
        found.append(("claim", json.dumps({**fields, **paid}).encode()))
        diagnosed = {**fields, "icd10_code": random.choice(DIAGNOSES)}
        found.append(("diagnose", json.dumps(diagnosed).encode()))
    return found


def append_all(database: Database, events: list[tuple[str, bytes]]) -> None:
    with database.transaction() as cursor:
        for stream, payload in events:
            append(cursor, stream, [payload])


def outcomes(database: Database) -> list[tuple[Any, ...]]:
    return rows(
        database,
        "SELECT seq, stream, entity_id, fate, reason FROM staging.outcome ORDER BY run_id, seq",
    )


def as_modelled(database: Database) -> Clean:
    """Compares the clean tables and the outcomes with the model, which it returns."""
    raw = {
        row[0]: RawRow(row[0], row[1], bytes(row[2]), row[3].astimezone(UTC))
        for row in rows(
            database,
            "SELECT seq, stream, coalesce(payload_bytes, convert_to(payload, 'UTF8')), received_at"
            " FROM staging.event",
        )
    }
    in_order = outcomes(database)
    model = modelled([raw[row[0]] for row in in_order], range(1, 1001), columns=HOLDS)
    assert in_order == [
        (each.seq, each.stream, each.entity_id, each.fate, each.reason) for each in model.outcomes
    ]
    assert clean_rows(database, "code, price", "claim") == sorted(
        (each.id, each.code, each.price, each.patient_id, each.tsp.replace(tzinfo=None))
        for each in model.claims.values()
    )
    assert clean_rows(database, "icd10_code", "diagnose") == sorted(
        (each.id, each.icd10_code, each.patient_id, each.tsp.replace(tzinfo=None))
        for each in model.diagnoses.values()
    )
    return model


def clean_rows(database: Database, content: str, table: str) -> list[tuple[Any, ...]]:
    """The rows by id; the time is as the column has it, without a time zone."""
    return rows(database, f"SELECT id, {content}, patient_id, tsp FROM {table} ORDER BY id")


def published(database: Database) -> dict[tuple[datetime, str], Figure]:
    found = rows(
        database,
        "SELECT window_start, category, revenue, claims, patients"
        " FROM analytics.revenue_by_diagnosis",
    )
    return {(row[0].astimezone(UTC), row[1]): Figure(*row[2:]) for row in found}


def broken(database: Database) -> list[str]:
    promises = database.run(partial(verify, since=None, patience=None), snapshot=True)
    return [each.text for each in promises if not each.holds]


def repair(database: Database) -> None:
    assert rebuild(database, batch_size=50, is_applied=True).differences
    assert rebuild(database, batch_size=7, is_applied=False).differences == []


def truncate(database: Database) -> None:
    """What the practice's publisher does when it is stopped."""
    with closing(psycopg2.connect(database.dsn)) as publisher, publisher, publisher.cursor() as by:
        by.execute("TRUNCATE claim, diagnose")


def run_once(database: Database, folder: Path) -> CycleResult:
    folder.mkdir(exist_ok=True)
    checker = Checker(
        database.dsn, expectations=copy_suites(folder / "suites"), docs=docs_folder(folder)
    )
    return run_cycle(database, checker, now=LATER, batch_size=1000)


def test_the_whole_job_runs_and_comes_to_the_model(practice: Database, tmp_path: Path) -> None:
    before = rows(practice, COLUMNS)
    append_all(practice, imitated(150))
    result = run_once(practice, tmp_path)
    assert [each.check_name for each in result.failures if each.severity == "critical"] == []
    model = as_modelled(practice)
    assert published(practice) == revenue(model, LATER)
    assert broken(practice) == []
    assert rebuild(practice, batch_size=40, is_applied=False).differences == []
    assert rows(practice, COLUMNS) == before

    counted = practice.run(partial(explain_window, moment=NOON), snapshot=True)
    assert not counted.found_something_wrong
    assert sum(len(each.contributions) for each in counted.categories) == sum(
        each.claims for (window, _), each in published(practice).items() if window == NOON
    )
    one = next(iter(model.claims.values()))
    explained = practice.run(partial(explain_claim, claim_id=one.id), snapshot=True)
    assert explained.clean is not None
    assert explained.clean["tsp"] == one.tsp
    page = practice.run(partial(build_pages, folder=tmp_path, now=LATER), snapshot=True)
    assert "2026-05-04" in page.read_text()


# Neither a column nor a trigger is added to what was there.
COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), c.relhastriggers, c.relowner
    FROM pg_class AS c INNER JOIN pg_attribute AS a ON c.oid = a.attrelid
    WHERE c.oid IN ('patient'::regclass, 'claim'::regclass, 'diagnose'::regclass) AND a.attnum > 0
    ORDER BY c.relname, a.attnum
    """


def test_what_a_person_sees_depends_on_no_time_zone(practice: Database) -> None:
    stage_and_merge(practice, "diagnose", diagnose(1, tsp=NOON))
    stage_and_merge(practice, "claim", claim(1, tsp=NOON + timedelta(minutes=9)))
    compute_and_publish(practice, LATER)
    seen = {zone: what_is_seen(practice, zone) for zone in ("UTC", TIMEZONE, "America/New_York")}
    assert seen["UTC"] == [NOON, NOON + timedelta(minutes=9), NOON, NOON + timedelta(minutes=9)]
    assert seen[TIMEZONE] == seen["America/New_York"] == seen["UTC"]


def what_is_seen(database: Database, zone: str) -> list[datetime]:
    with database.transaction() as cursor:
        cursor.execute("SELECT set_config('timezone', %s, TRUE)", (zone,))
        cursor.execute(
            "SELECT w.diagnosed_at, w.claimed_at, w.window_start, v.clean_tsp"
            " FROM audit.window_claims AS w"
            " INNER JOIN audit.raw_vs_clean AS v ON w.seq = v.seq"
        )
        [moments] = cursor.fetchall()
        return [moment.astimezone(UTC) for moment in moments]


def test_every_known_payload_comes_to_the_modelled_row(practice: Database) -> None:
    append_all(practice, [(known.stream, known.payload) for known in KNOWN])
    merge(practice)
    as_modelled(practice)


def test_what_a_column_can_not_hold_is_rejected(practice: Database) -> None:
    stage_and_merge(
        practice,
        "claim",
        claim(1, code="1234567890"),
        claim(2, code="12345678901"),
        claim(3, patient=2**31),
        claim(2**62),
    )
    reasons = rows(practice, "SELECT seq, reason FROM staging.outcome ORDER BY seq")
    assert reasons == [(1, None), (2, "bad_code"), (3, "unknown_patient"), (4, None)]
    merge(practice)
    assert rebuild(practice, batch_size=1, is_applied=False).differences == []
    assert broken(practice) == []


def test_a_column_that_is_widened_takes_more_from_then_on(make_practice: MakePractice) -> None:
    with closing(Database(make_practice(owns_tables=True))) as database:
        apply_schema(database)
        stage_and_merge(database, "claim", claim(1, code="12345678901"))
        execute(
            database,
            "DROP SCHEMA audit CASCADE; ALTER TABLE claim ALTER COLUMN code TYPE varchar(12)",
        )
        apply_schema(database)
        stage_and_merge(
            database, "claim", claim(2, code="12345678901"), claim(3, code="1234567890123")
        )
        judged = [("bad_code",), (None,), ("bad_code",)]
        assert rows(database, "SELECT reason FROM staging.outcome ORDER BY seq") == judged
        assert rebuild(database, batch_size=1, is_applied=False).differences == []
        assert sum(each.rows for each in replay(database, reason="bad_code")) == 2
        merge(database)
        assert sorted(fates(database)) == ["merged", "merged", "rejected"]
        assert rebuild(database, batch_size=1, is_applied=False).differences == []


def execute(database: Database, statements: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statements)


def test_who_does_not_own_the_tables_is_told_which_indexes_to_ask_for(practice: Database) -> None:
    assert practice.run(find_differences) == []
    told = practice.run(missing_indexes)
    assert told is not None
    assert "CREATE INDEX claim_patient_tsp ON claim (patient_id, tsp);" in told
    assert "\n" not in told


def test_who_owns_the_tables_gets_the_indexes(make_practice: MakePractice) -> None:
    with closing(Database(make_practice(owns_tables=True))) as database:
        apply_schema(database)
        assert database.run(missing_indexes) is None


BOUNDS = {"now": LATER, "since": NOON, "until": LATER, "quality_run_id": 1}


LOOKED_UP: dict[str, tuple[dict[str, Any], int]] = {
    "revenue/compute_candidate": (BOUNDS, 1),
    "revenue/clear_empty_windows": ({**BOUNDS, "computed": [NOON]}, 1),
    "audit/explain/categories": ({"patient_id": 1}, 1),
    "report/claims_by_window": (BOUNDS, 1),
    "audit/explain/patient_windows": ({**BOUNDS, "patient_id": 1, "most": 9}, 1),
}


def test_a_condition_on_a_time_without_a_zone_uses_its_index(make_practice: MakePractice) -> None:
    with closing(Database(make_practice(owns_tables=True))) as database:
        apply_schema(database)
        found = {
            name: index_conditions(database, name, parameters)
            for name, (parameters, _) in LOOKED_UP.items()
        }
    assert {name: len(each) for name, each in found.items()} == {
        name: scans_of for name, (_, scans_of) in LOOKED_UP.items()
    }
    for condition in (condition for each in found.values() for condition in each):
        assert "tsp" in condition or ("icd10_code" in condition and "patient_id" in condition)


def index_conditions(database: Database, name: str, parameters: dict[str, Any]) -> list[str]:
    """Of each scan of a clean table."""
    with database.transaction() as cursor:
        # Here the tables fit in a page.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement(name)}", parameters)
        [(explained,)] = cursor.fetchall()
    return [
        scan.get("Index Cond", "none")
        for scan in scans(explained[0]["Plan"])
        if scan["Relation Name"] in ("claim", "diagnose")
    ]


# What the practice's publisher empties when it is stopped.


def test_an_emptied_table_is_told_and_a_rebuild_puts_it_right(
    practice: Database, tmp_path: Path
) -> None:
    events = imitated(120)
    append_all(practice, events[:150])
    run_once(practice, tmp_path / "first")
    figures = published(practice)
    merged = rows(practice, "SELECT merged FROM staging.merge_cursor WHERE stream = 'claim'")[0][0]
    truncate(practice)

    line = status_line(practice.run(read_status))
    assert (
        f"the clean table claim is empty although {merged} rows were merged: it was emptied by "
        "someone; the clean table diagnose is empty"
    ) in line
    assert line.endswith("it was emptied by someone; run rebuild --apply")
    assert EMPTIED in broken(practice)

    # The publisher begins anew, with ids that were merged before, and with new ones.
    append_all(practice, [*events[:40], *events[150:]])
    held_back = run_once(practice, tmp_path / "second")
    assert held_back.verdict == "blocked"
    assert "Nobody has emptied the table claim" in str(held_back.failures)
    assert published(practice) == figures
    assert rows(practice, MERGED_TWICE) == []
    assert "was emptied by someone: not all of the" in status_line(practice.run(read_status))

    repair(practice)
    assert status_line(practice.run(read_status)).count("emptied") == 0
    model = as_modelled(practice)
    assert run_once(practice, tmp_path / "third").verdict == "published"
    assert published(practice) == revenue(model, LATER)
    assert broken(practice) == []


EMPTIED = "no clean table was emptied by someone after rows were merged into it"
MERGED_TWICE = """
    SELECT stream, entity_id FROM staging.outcome
    WHERE fate = 'merged' GROUP BY stream, entity_id HAVING count(*) > 1
    """


def test_a_table_emptied_before_its_figures_are_computed_leaves_them(practice: Database) -> None:
    append_all(practice, imitated(30))
    merge(practice)
    compute_and_publish(practice, LATER)
    figures = published(practice)
    stage_and_merge(practice, "claim", claim(1000, price=7, tsp=NOON))
    due = rows(practice, "SELECT window_start FROM analytics.dirty_window")
    truncate(practice)
    assert compute_and_publish(practice, LATER) == []
    assert published(practice) == figures
    assert rows(practice, "SELECT window_start FROM analytics.dirty_window") == due


def test_a_table_emptied_before_its_figures_are_published_does_not_change_them(
    practice: Database,
) -> None:
    append_all(practice, imitated(30))
    merge(practice)
    model = as_modelled(practice)
    run = practice.run(partial(compute, now=LATER))
    truncate(practice)
    practice.run(lambda cursor: publish(cursor, run.quality_run_id, run.windows))
    assert published(practice) == revenue(model, LATER)


def test_emptied_tables_whose_raw_rows_are_archived_are_put_right(
    practice: Database, tmp_path: Path
) -> None:
    """What an archived raw row said is not known to the merge: the rebuild decides."""
    old = datetime.now(UTC) - timedelta(days=40)
    execute(
        practice,
        f"SELECT staging.make_partitions('{old:%Y-%m-%d}'::date, '{old:%Y-%m-%d}'::date);"
        "INSERT INTO staging.event (stream, payload, received_at)"
        f" VALUES ('claim', '{claim(1).decode()}', '{old.isoformat()}')",
    )
    merge(practice)
    assert archive(practice, folder=tmp_path, keep_days=30, find_fault=lambda _: None)
    truncate(practice)
    stage_and_merge(practice, "claim", claim(1), claim(1, price=99), claim(2))
    assert fates(practice) == ["conflict", "conflict", "merged"]
    assert rebuild(practice, batch_size=50, is_applied=True, archive=tmp_path).differences
    assert fates(practice) == ["duplicate", "conflict", "merged"]
    assert rows(practice, "SELECT id, price FROM claim ORDER BY id") == [(1, 10), (2, 10)]
    assert broken(practice) == []
