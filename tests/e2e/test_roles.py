"""The services log in as their roles; passwords come from the environment or from files."""

import re
import signal
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from e2e.lines import claim, diagnose, file_of
from e2e.processes import Office, wait_until
from e2e.queries import execute, fetch, published
from integration.passwords import PASSWORDS
from integration.practice import make_practice
from pipeline.core.database import Database
from pipeline.schema.roles import ROLES, login_as, set_passwords

WHO = """
    SELECT DISTINCT application_name, usename FROM pg_stat_activity
    WHERE application_name LIKE 'ingestor%' OR application_name LIKE 'analytics%'
    """


def test_every_service_does_its_work_as_its_own_role(embedded_office: Office) -> None:
    office = embedded_office
    url = office.command("db").out.strip()
    for stream, event in (
        ("diagnose", diagnose(1, 1, "R41.3", tsp="2026-05-04T12:01:00Z")),
        ("claim", claim(1, 1, 12.5, tsp="2026-05-04T12:02:00Z")),
    ):
        office.command("load", "-", "--stream", stream, given=file_of([event]))
    running = office.start("run", OFFICE_PUBLISH_SECONDS="0.1")
    running.wait_until(lambda: published(url))
    who: dict[str, str] = dict(fetch(url, WHO))
    assert published(url)[0] == ("12:00", "Amnesia", "12.50", 1, 1)
    assert {name: role for name, role in who.items() if name != "analytics checks"} == {
        "ingestor claim": "office_ingest",
        "ingestor diagnose": "office_ingest",
        "ingestor merge claim": "office_merge",
        "ingestor merge diagnose": "office_merge",
        "analytics": "office_analytics",
    }
    assert who.get("analytics checks", "office_analytics") == "office_analytics"


def test_analytics_waits_at_its_start_for_a_link_of_its_checks(embedded_office: Office) -> None:
    office = embedded_office
    url = office.command("db").out.strip()
    assert office.command("migrate", OFFICE_ANALYTICS_PASSWORD="a secret").code == 0
    # One link is allowed. The job itself has it, so the server refuses the link of its checks.
    execute(url, "ALTER ROLE office_analytics CONNECTION LIMIT 1")
    analytics = office.start(
        program="analytics", DATABASE_URL=login_as(url, "analytics", "a secret")
    )
    log = (office.home / "postgres").resolve() / "server.log"
    analytics.wait_until(lambda: "too many connections for role" in log.read_text())
    execute(url, "ALTER ROLE office_analytics CONNECTION LIMIT -1")
    analytics.wait_until(lambda: "analytics run ended" in analytics.err)
    assert "Error" not in analytics.err
    assert analytics.stop(signal.SIGTERM).code == 0


@pytest.mark.parametrize("place", ["environment", "file"])
def test_migrate_gives_the_passwords_that_are_set(
    embedded_office: Office, tmp_path: Path, place: str
) -> None:
    office = embedded_office
    url = office.command("db").out.strip()
    auditor = login_as(url, "auditor", "a secret")
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(auditor)

    if place == "file":
        (tmp_path / "OFFICE_AUDITOR_PASSWORD").write_text("a secret\n")
        done = office.command("migrate", OFFICE_SECRETS=str(tmp_path))
    else:
        done = office.command("migrate", OFFICE_AUDITOR_PASSWORD="a secret")
    assert (done.code, done.out, done.err) == (
        0,
        "The schema is up to date; passwords given to: office_auditor.\n",
        "",
    )
    assert fetch(auditor, "SELECT count(*) FROM raw_vs_clean") == [(0,)]
    assert fetch(auditor, "SHOW default_transaction_read_only") == [("on",)]
    assert fetch(auditor, "SHOW statement_timeout") == [("1min",)]
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(login_as(url, "auditor", "best"))
    log = (office.home / "postgres").resolve() / "server.log"
    wait_until(log.exists)
    assert "a secret" not in log.read_text()


def test_migrate_names_a_given_table_that_was_changed_and_what_mends_it(
    office: Office, database_url: str
) -> None:
    execute(database_url, "DROP SCHEMA audit CASCADE; ALTER TABLE claim ALTER code TYPE char(9)")
    found = office.command("migrate")
    mend = "ALTER TABLE claim ALTER COLUMN code TYPE text USING code::text"
    assert found.code == 1
    assert "up to date" not in found.out
    assert f"  claim.code is character(9) and should be text: {mend};" in found.out
    [views] = re.findall(r"'(DROP SCHEMA .*)';", found.out)
    execute(database_url, f"{views}; {mend}")
    mended = office.command("migrate")
    assert (mended.code, mended.out) == (
        0,
        "The schema is up to date; passwords given to: none.\n",
    )
    assert fetch(database_url, "SELECT count(*) FROM audit.reconciliation") == [(2,)]


MAKE_ROLES = """
    CREATE ROLE office_ingest LOGIN; CREATE ROLE office_merge LOGIN;
    CREATE ROLE office_analytics LOGIN; CREATE ROLE office_auditor LOGIN
    """


def test_where_no_roles_may_be_made_the_services_run_as_the_owner(given_office: Office) -> None:
    office = given_office
    url = office.command("db").out.strip()
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        connection.cursor().execute("CREATE DATABASE practice TEMPLATE template0")
    there = f"{url.rpartition('/')[0]}/practice"
    practice = make_practice(there, "practice", owns_tables=True)

    migrated = office.command("migrate", DATABASE_URL=practice)
    assert (migrated.code, migrated.err) == (0, "")
    [_, told] = migrated.out.splitlines()
    assert told.startswith("practice may make no roles, and office_analytics, office_auditor, ")
    running = office.start("run", DATABASE_URL=practice, OFFICE_PUBLISH_SECONDS="0.1")
    running.wait_until(lambda: fetch(practice, "SELECT FROM claim LIMIT 1"))
    assert {role for _, role in fetch(there, WHO)} == {"practice"}
    running.stop(signal.SIGINT)
    assert office.command("verify", "--all", DATABASE_URL=practice).code == 0
    refused = office.command("migrate", DATABASE_URL=practice, OFFICE_MERGE_PASSWORD="best")
    assert refused.code == 1
    assert refused.err.startswith("Error: No password can be given: practice may make no roles")

    execute(url, MAKE_ROLES)
    assert "may make no roles" not in office.command("migrate", DATABASE_URL=practice).out
    rights = "SELECT has_table_privilege('office_merge', 'claim', 'INSERT')"
    assert fetch(practice, rights) == [(True,)]


def test_a_service_with_a_wrong_password_says_which_database_refuses_it(
    embedded_office: Office,
) -> None:
    office = embedded_office
    url = office.command("db").out.strip()
    office.command("migrate", OFFICE_MERGE_PASSWORD="right")
    refused = office.command("status", DATABASE_URL=login_as(url, "merge", "wrong"))
    assert refused.code == 1
    [line] = refused.err.splitlines()
    assert line.startswith("Error: ")
    assert parse_dsn(url)["port"] in line
    assert "wrong" not in line


def test_a_role_that_may_not_do_a_command_is_told_so(embedded_office: Office) -> None:
    office = embedded_office
    url = office.command("db").out.strip()
    office.command("migrate", OFFICE_MERGE_PASSWORD="best")
    refused = office.command(
        "load",
        "-",
        "--stream",
        "claim",
        "--force",
        given=b"{}\n",
        DATABASE_URL=login_as(url, "merge", "best"),
    )
    assert refused.code == 1
    [line] = refused.err.splitlines()
    assert "may not do this" in line


@pytest.mark.parametrize("password", PASSWORDS)
def test_any_password_of_a_role_works(lonely_database: Database, password: str) -> None:
    passwords = dict.fromkeys(ROLES, password)
    lonely_database.run(partial(set_passwords, passwords=passwords))
    for role in ROLES:
        dsn = login_as(lonely_database.dsn, role, password)
        assert fetch(dsn, "SELECT current_user") == [(f"office_{role}",)]
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(login_as(lonely_database.dsn, "merge", f"{password}1"))


@pytest.mark.parametrize("password", PASSWORDS[:3])
def test_a_service_and_its_checks_log_in_with_any_password(
    embedded_office: Office, password: str
) -> None:
    """By PG* variables, as with Docker: a URL would need the password percent-encoded."""
    office = embedded_office
    url = parse_dsn(office.command("db").out.strip())
    assert office.command("migrate", OFFICE_ANALYTICS_PASSWORD=password).code == 0
    login = {
        "PGHOST": url["host"],
        "PGPORT": url["port"],
        "PGDATABASE": url["dbname"],
        "PGUSER": "office_analytics",
        "PGPASSWORD": password,
    }
    done = office.command("analytics", **login)
    assert (done.code, done.err) == (0, "")
