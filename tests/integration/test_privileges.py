"""What each role may do, and that it may do nothing else."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import connection, parse_dsn

from pipeline.audit.verify import find_unbalanced, verify
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor, execute
from pipeline.operations.metrics import read_streams, read_windows
from pipeline.operations.notices import claim
from pipeline.operations.status import read_status
from pipeline.operations.trouble import Kind, look, record
from pipeline.report.pages import build_pages
from pipeline.schema.migrate import apply_schema
from pipeline.schema.roles import ROLES, login_as

APPEND = "INSERT INTO staging.event (stream, payload) VALUES ('claim', '{}')"
MERGE_RUN = (
    "INSERT INTO staging.merge_run (stream, is_sweep, started_at) VALUES ('claim', false, now())"
)
CLAIM = "INSERT INTO claim VALUES (7, 'A', 1, 1, now())"
MARK = "INSERT INTO analytics.dirty_window (window_start) VALUES (now())"
FIGURE = """
    INSERT INTO analytics.revenue_by_diagnosis
    SELECT now(), 'Amnesia', 1, 1, 1, max(quality_run_id), now() FROM analytics.quality_run
    """
RUN = """
    INSERT INTO analytics.quality_run (merged_from, merged_through, closed_before, started_at)
    VALUES (0, 0, now(), now())
    """

MAY = [
    ("ingest", APPEND),
    ("merge", "SELECT seq, payload FROM staging.event"),
    ("merge", "SELECT entity_id, reason FROM staging.claim_contract"),
    ("merge", "SELECT taken_seq FROM staging.merge_cursor FOR UPDATE"),
    ("merge", MERGE_RUN),
    ("merge", CLAIM),
    ("merge", "INSERT INTO diagnose VALUES (7, 'R41.3', 1, now())"),
    ("merge", MARK),
    ("merge", "SELECT staging.analyze_grown(1)"),
    ("merge", "SELECT name FROM public.schema_version"),
    ("analytics", CLAIM),
    ("analytics", RUN),
    ("analytics", "DELETE FROM analytics.dirty_window"),
    ("merge", "SELECT icd10_code FROM analytics.counted_diagnosis"),
    ("analytics", "DELETE FROM analytics.backfilled_diagnosis"),
    ("analytics", "UPDATE analytics.backfilled_diagnosis SET category = 'A'"),
    ("analytics", "UPDATE analytics.revenue_by_diagnosis SET revenue = 0"),
    ("analytics", "SELECT id FROM patient"),
    ("auditor", "SELECT * FROM audit.reconciliation"),
    ("auditor", "SELECT * FROM audit.raw_vs_clean"),
    ("auditor", "SELECT * FROM audit.conflicts"),
    ("auditor", "SELECT * FROM audit.rejected"),
    ("auditor", "SELECT * FROM audit.replayed"),
    ("auditor", "SELECT * FROM audit.window_claims"),
    ("auditor", "SELECT * FROM audit.erased"),
    ("auditor", "SELECT * FROM analytics.revenue_by_diagnosis"),
    ("auditor", "SELECT * FROM analytics.quality_check"),
]

CLOSED_TO_ALL = [
    "SELECT last_name FROM patient",
    "INSERT INTO patient VALUES (5000, 'A', 'B', '2000-01-01')",
    "UPDATE staging.event SET payload = ''",
    "DELETE FROM staging.event",
    "TRUNCATE staging.event",
    "UPDATE staging.outcome SET fate = 'merged'",
    "DELETE FROM staging.outcome",
    "UPDATE staging.erasure SET reason = 'mine', recorded_by = 'me', recorded_at = now()",
    "DELETE FROM staging.erasure",
    "DELETE FROM analytics.trouble",
    "UPDATE analytics.trouble SET subject = 'mine'",
    "DELETE FROM analytics.notice",
    "UPDATE claim SET price = 0",
    "DELETE FROM claim",
    "DELETE FROM diagnose",
    "INSERT INTO analytics.tracked_diagnosis VALUES ('I10', 'Hypertension')",
    "UPDATE analytics.quality_check SET status = 'passed'",
    "CREATE TABLE public.mine (id int)",
    "CREATE TABLE staging.mine (id int)",
    "ALTER TABLE claim ADD COLUMN mine int",
    "ALTER ROLE dataeng PASSWORD 'mine'",
    "SET ROLE dataeng",
    "INSERT INTO public.schema_version VALUES ('a', 'b', now())",
]

MAY_NOT = [
    *((role, statement) for role in ROLES for statement in CLOSED_TO_ALL),
    ("ingest", "SELECT payload FROM staging.event"),
    ("ingest", "INSERT INTO staging.event (stream, received_at) VALUES ('claim', now())"),
    ("ingest", "INSERT INTO staging.event (stream, xid) VALUES ('claim', '1')"),
    ("ingest", "SELECT * FROM claim"),
    ("ingest", "SELECT * FROM audit.raw_vs_clean"),
    ("ingest", MARK),
    ("merge", APPEND),
    ("merge", FIGURE),
    ("merge", "SELECT id FROM patient"),
    ("merge", "DELETE FROM analytics.dirty_window"),
    ("merge", "DELETE FROM analytics.backfilled_diagnosis"),
    ("merge", "SELECT * FROM analytics.revenue_by_diagnosis"),
    ("analytics", APPEND),
    ("analytics", "SELECT date_of_birth FROM patient"),
    ("auditor", APPEND),
    ("auditor", CLAIM),
    ("auditor", MARK),
    ("auditor", "SELECT * FROM claim"),
    ("auditor", "SELECT * FROM staging.event"),
    ("auditor", "SELECT id FROM patient"),
    ("auditor", "SELECT * FROM analytics.notice"),
]


@pytest.fixture(scope="module")
def connected(shared_database_url: str) -> Iterator[connection]:
    """The owner."""
    with closing(psycopg2.connect(shared_database_url)) as owner:
        yield owner


def attempt(owner: connection, role: str, statement: str) -> None:
    """Executes a statement as a role, and undoes it."""
    with owner.cursor() as cursor:
        try:
            # SET SESSION AUTHORIZATION, not SET ROLE: from the latter there is a way back.
            cursor.execute(f"SET LOCAL SESSION AUTHORIZATION office_{role}")
            cursor.execute(statement)
        finally:
            owner.rollback()


@pytest.mark.parametrize(("role", "statement"), MAY)
def test_a_role_may(connected: connection, role: str, statement: str) -> None:
    attempt(connected, role, statement)


@pytest.mark.parametrize(("role", "statement"), MAY_NOT)
def test_a_role_may_not(connected: connection, role: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        attempt(connected, role, statement)


def test_analytics_may_read_what_its_pages_show_and_verify(
    shared_database_url: str, tmp_path: Path
) -> None:
    with closing(Database(shared_database_url)) as database, database.transaction() as cursor:
        cursor.execute("SET LOCAL SESSION AUTHORIZATION office_analytics")
        build_pages(cursor, tmp_path, now=datetime.now(UTC))
        read_status(cursor)
        verify(cursor)


@pytest.mark.parametrize(
    ("role", "read"),
    [
        ("merge", read_streams),
        ("analytics", read_windows),
        ("analytics", partial(find_unbalanced, since=datetime.now(UTC))),
    ],
)
def test_a_service_may_read_what_its_metrics_say(
    shared_database_url: str, role: str, read: Callable[[Cursor], object]
) -> None:
    with closing(Database(shared_database_url)) as database, database.transaction() as cursor:
        cursor.execute(f"SET LOCAL SESSION AUTHORIZATION office_{role}")
        read(cursor)


@pytest.mark.parametrize("role", ["merge", "analytics"])
def test_a_service_may_look_for_troubles_and_tell(shared_database_url: str, role: str) -> None:
    now = datetime.now(UTC)
    names = {"receivers": [role], "kinds": list(Kind)}
    with closing(Database(shared_database_url)) as database, database.transaction() as cursor:
        cursor.execute(f"SET LOCAL SESSION AUTHORIZATION office_{role}")
        look(cursor, now=now, watching_since=now, patience=timedelta(0))
        record(cursor, Kind.WARNING, {role: now}, now=now)
        execute(cursor, "operations/notices/add_receivers", names)
        news = claim(cursor, receiver=role, kind=Kind.WARNING, now=now)
        assert news is not None
        told = {"receiver": role, "kind": Kind.WARNING, "told": news.goes_on, "now": now}
        execute(cursor, "operations/notices/settle", told)


def test_nobody_else_may_anything(connected: connection) -> None:
    with connected.cursor() as cursor:
        cursor.execute("""
            SELECT c.oid::regclass, a.privilege_type
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            CROSS JOIN aclexplode(c.relacl) AS a
            WHERE n.nspname IN ('public', 'staging', 'analytics', 'audit') AND a.grantee = 0
            """)
        assert cursor.fetchall() == []
    connected.rollback()


def test_no_role_has_more_than_a_login(connected: connection) -> None:
    with connected.cursor() as cursor:
        cursor.execute("""
            SELECT rolname FROM pg_roles
            WHERE rolname LIKE 'office%'
              AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
              AND NOT EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = pg_roles.oid)
            """)
        assert {name for (name,) in cursor.fetchall()} == {f"office_{role}" for role in ROLES}
    connected.rollback()


def test_a_view_that_is_made_anew_keeps_its_readers(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "UPDATE public.schema_version SET checksum = '' WHERE name LIKE '%/200_audit'"
        )
    apply_schema(database)
    with closing(psycopg2.connect(database.dsn)) as owner:
        attempt(owner, "auditor", "SELECT * FROM audit.raw_vs_clean")


def test_a_user_who_may_not_bring_the_schema_up_to_date_is_told(given_database_url: str) -> None:
    with closing(psycopg2.connect(given_database_url)) as owner, owner.cursor() as cursor:
        cursor.execute("CREATE ROLE a_stranger LOGIN PASSWORD 'best'")
        owner.commit()
        stranger = Database(given_database_url.replace("dataeng:", "a_stranger:"))
        with closing(stranger), pytest.raises(OfficeError, match="migrate") as told:
            apply_schema(stranger)
        cursor.execute("DROP ROLE a_stranger")
        owner.commit()
    assert "\n" not in str(told.value)


def test_logging_in_as_a_role_keeps_the_rest_of_the_address() -> None:
    dsn = login_as("postgresql://dataeng:best@db:5432/doctor_office?sslmode=require", "merge", "s3")
    assert parse_dsn(dsn) == {
        "user": "office_merge",
        "password": "s3",
        "host": "db",
        "port": "5432",
        "dbname": "doctor_office",
        "sslmode": "require",
    }
