"""Many offices in one database: keys, windows, audit and pages follow; one sees none of it."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

import psycopg2
import psycopg2.errors
import pytest

from ingestor import Simulated, simulated_next
from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    fates,
    merge,
    revenue,
    rows,
    stage,
    stage_and_merge,
)
from pipeline.audit.explain import explain_claim
from pipeline.audit.rebuild import rebuild
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.report.pages import build_pages
from pipeline.schema.migrate import apply_schema
from pipeline.schema.offices import GLOBAL, PER_OFFICE, decide_ids, key_of
from pipeline.schema.roles import login_as, set_passwords
from publisher import claims, of_office

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname = 'offices'"
NOT_ADDING_UP = """
    WITH offices_together AS (
        SELECT window_start, category, sum(revenue) AS revenue, sum(claims) AS claims
        FROM offices.revenue GROUP BY window_start, category
    )
    SELECT window_start, category, revenue, claims
    FROM analytics.revenue_by_diagnosis WHERE claims > 0
    EXCEPT TABLE offices_together
    """


@pytest.fixture
def offices(database: Database) -> Database:
    """A database in which ids are per office."""
    decide_ids(database, PER_OFFICE)
    return database


def stage_example(database: Database) -> None:
    """The same ids from two offices."""
    stage(
        database,
        "diagnose",
        of_office(diagnose(1, patient=1, tsp=NOON), 1),
        of_office(diagnose(1, patient=2, tsp=NOON), 42),
    )
    stage(
        database,
        "claim",
        of_office(claim(7, patient=1, price=1, tsp=NOON), 1),
        of_office(claim(7, patient=2, price=2, tsp=NOON), 42),
        of_office(claim(7, patient=2, price=2, tsp=NOON), 42),
        of_office(claim(7, patient=2, price=3, tsp=NOON), 42),
        claim(7, tsp=NOON),
    )


def test_ids_are_told_apart_by_their_office(offices: Database) -> None:
    stage_example(offices)
    merge(offices)
    assert fates(offices) == ["merged", "merged", "duplicate", "conflict", "rejected"]
    assert rows(offices, "SELECT office, id, price::int FROM offices.claim ORDER BY office") == [
        (1, 7, 1),
        (42, 7, 2),
    ]
    assert rows(offices, "SELECT reason FROM audit.rejected") == [("bad_office",)]


def test_what_offices_earned_adds_up_to_what_is_published(offices: Database) -> None:
    stage_example(offices)
    merge(offices)
    compute_and_publish(offices, LATER)
    assert revenue(offices)["12:00", "Amnesia"] == ("3.00", 2, 2)
    found = rows(offices, "SELECT office, category, revenue::int, claims FROM offices.revenue")
    assert sorted(found) == [(1, "Amnesia", 1, 1), (42, "Amnesia", 2, 1)]
    assert rows(offices, NOT_ADDING_UP) == []


def test_every_promise_holds_and_the_clean_layer_can_be_rebuilt(offices: Database) -> None:
    stage_example(offices)
    merge(offices)
    compute_and_publish(offices, LATER)
    assert all(promise.holds for promise in offices.run(verify, snapshot=True))
    assert rebuild(offices, batch_size=1, is_applied=False).differences == []


def test_a_claim_is_explained_by_office_and_id(offices: Database) -> None:
    stage_example(offices)
    merge(offices)
    key = offices.run(partial(key_of, office=42, number=7))
    explained = offices.run(partial(explain_claim, claim_id=key), snapshot=True).as_dict()
    assert "4200000000000007" in json.dumps(explained, default=str)


def test_ids_stay_as_they_were_at_the_first_merge(database: Database) -> None:
    stage_and_merge(database, "claim", claim(7, tsp=NOON))
    with pytest.raises(OfficeError, match="ids have been global since its first event") as told:
        apply_schema(database, ids=PER_OFFICE)
    assert told.value.exit_code == 2
    assert rows(database, SCHEMAS) == []
    apply_schema(database, ids=GLOBAL)
    apply_schema(database)


def test_until_then_it_can_be_decided_otherwise(database: Database) -> None:
    stage(database, "claim", of_office(claim(7, tsp=NOON), 1))
    apply_schema(database, ids=PER_OFFICE)
    assert rows(database, SCHEMAS) == [("offices",)]
    apply_schema(database, ids=GLOBAL)
    assert rows(database, SCHEMAS) == []
    merge(database)
    assert rows(database, "SELECT id FROM claim") == [(7,)]


def test_the_schema_can_be_applied_again_where_ids_are_per_office(offices: Database) -> None:
    stage_example(offices)
    merge(offices)
    with offices.transaction() as cursor:
        cursor.execute("UPDATE schema_version SET checksum = '' WHERE name LIKE '%/210_%'")
    apply_schema(offices, ids=PER_OFFICE)
    assert len(rows(offices, "SELECT * FROM offices.claim")) == 2


def test_one_office_is_asked_for_no_number(database: Database) -> None:
    with pytest.raises(OfficeError, match="leave --office out"):
        database.run(partial(key_of, office=42, number=7))
    assert database.run(partial(key_of, office=None, number=7)) == 7


def test_an_id_beyond_those_of_an_office_is_told(offices: Database) -> None:
    with pytest.raises(OfficeError, match="14 digits"):
        offices.run(partial(key_of, office=42, number=10**14))


def test_who_may_not_decide_is_told_who_can(database: Database) -> None:
    database.run(partial(set_passwords, passwords={"merge": "best"}))
    service = Database(login_as(database.dsn, "merge", "best"))
    with closing(service):
        decide_ids(service, GLOBAL)
        with pytest.raises(OfficeError, match=r"run 'python src/office.py migrate'"):
            decide_ids(service, PER_OFFICE)
        decide_ids(database, PER_OFFICE)
        decide_ids(service, PER_OFFICE)


def test_the_auditor_reads_what_belongs_to_which_office(offices: Database) -> None:
    offices.run(partial(set_passwords, passwords={"auditor": "best"}))
    with closing(psycopg2.connect(login_as(offices.dsn, "auditor", "best"))) as opened:
        for view in ("claim", "diagnose", "reconciliation", "revenue"):
            with opened, opened.cursor() as cursor:
                cursor.execute(f"SELECT * FROM offices.{view}")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), opened.cursor() as cursor:
            cursor.execute("DELETE FROM offices.claim")


def test_the_pages_tell_what_each_office_earned(offices: Database, tmp_path: Path) -> None:
    stage_example(offices)
    merge(offices)
    compute_and_publish(offices, LATER)
    offices.run(partial(build_pages, folder=tmp_path, now=LATER), snapshot=True)
    assert 'href="offices.html"' in (tmp_path / "index.html").read_text()
    page = (tmp_path / "offices.html").read_text()
    assert '<th scope="row">42</th><td class="number">2.00<small>1 claim</small></td>' in page


def test_one_office_has_no_page_of_offices(database: Database, tmp_path: Path) -> None:
    stage_and_merge(database, "claim", claim(7, tsp=NOON))
    compute_and_publish(database, LATER)
    database.run(partial(build_pages, folder=tmp_path, now=LATER), snapshot=True)
    assert "offices.html" not in (tmp_path / "index.html").read_text()
    assert not (tmp_path / "offices.html").exists()


def test_views_of_offices_have_comments(offices: Database) -> None:
    missing = """
        SELECT c.relname, a.attname FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'offices'::regnamespace AND col_description(c.oid, a.attnum) IS NULL
        """
    assert rows(offices, missing) == []


def test_a_simulated_office_goes_on_behind_its_own_ids(offices: Database) -> None:
    stage_example(offices)
    merge(offices)
    assert offices.run(partial(simulated_next, number=42)).first_ids == {"claim": 8, "diagnose": 2}
    assert offices.run(partial(simulated_next, number=None)) == Simulated(
        {"claim": 0, "diagnose": 0}, office=0
    )


@pytest.mark.parametrize(
    "seen",
    [
        [999_999_999_999, 10**12],
        [5, 899_999_999_999, 999_999_999_999, 2**63 - 1],
        [10**12 - 2, 10**13, 10**13 + 1, 10**16],
    ],
)
@pytest.mark.parametrize("is_merged", [True, False])
def test_a_simulated_office_never_meets_an_id_that_was_seen(
    database: Database, seen: list[int], *, is_merged: bool
) -> None:
    stage(database, "claim", *map(claim, seen))
    numbers = list(seen)
    for _ in range(3):
        if is_merged:
            merge(database)
        first = database.run(partial(simulated_next, number=None)).first_ids["claim"]
        events = list(islice(claims(first, Random(1), duplicate_share=0, first_patient=1), 20))
        stage(database, "claim", *events)
        numbers += [json.loads(event)["id"] for event in events]
    merge(database)
    assert len(set(numbers)) == len(numbers)
    assert fates(database) == ["merged"] * len(numbers)


def test_an_office_that_has_used_up_its_first_ids_stays_within_its_own(offices: Database) -> None:
    stage(offices, "claim", of_office(claim(10**12 - 1), 42), of_office(claim(10**14 - 1), 42))
    merge(offices)
    first = offices.run(partial(simulated_next, number=42)).first_ids["claim"]
    assert first == 10**13
    assert offices.run(partial(simulated_next, number=43)).first_ids["claim"] == 0
