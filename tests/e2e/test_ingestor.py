"""`ingestor.py` alone, against a database that comes and goes."""

import signal

import pytest

from e2e.processes import Office, Running, free_port
from e2e.queries import KNOW_PATIENT_0, execute, fetch, received, reconciliation, staged_ids

TERMINATIONS = 5

TERMINATE = """
    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'ingestor%'
"""


def start(office: Office, **variables: str) -> Running:
    settings = {"OFFICE_PUBLISH_SECONDS": "0.02", "OFFICE_MERGE_SECONDS": "0.5"}
    return office.start(program="ingestor", **settings, OFFICE_DUPLICATE_SHARE="0", **variables)


def wait_for_more(ingestor: Running, url: str) -> None:
    """Waits until 30 further events of each stream are staged."""
    enough = received(url) + 30
    ingestor.wait_until(lambda: received(url) >= enough)


def test_sigterm_drains_and_every_event_is_staged_once(office: Office, database_url: str) -> None:
    execute(database_url, KNOW_PATIENT_0)
    ingestor = start(office)
    ingestor.wait_until(lambda: received(database_url) > 200)
    ended = ingestor.stop(signal.SIGTERM)
    assert ended.code == 0, ended.err
    assert [line for line in ended.err.splitlines() if " level=info " not in line] == []
    for stream, counts in reconciliation(database_url).items():
        ids = staged_ids(database_url, stream)
        assert ids == list(range(len(ids)))
        assert counts == dict.fromkeys(counts, 0) | {"received": len(ids), "merged": len(ids)}
        clean = fetch(database_url, f"SELECT id FROM {stream} ORDER BY id")
        assert clean == [(number,) for number in ids]


def test_nothing_is_lost_where_connections_break(office: Office, database_url: str) -> None:
    execute(database_url, KNOW_PATIENT_0)
    ingestor = start(office)
    for _ in range(TERMINATIONS):
        wait_for_more(ingestor, database_url)
        [(terminated,)] = fetch(database_url, TERMINATE)
        assert terminated > 0
    wait_for_more(ingestor, database_url)
    ended = ingestor.stop(signal.SIGTERM)
    assert ended.code == 0, ended.err
    assert "events will be delivered again" in ended.err
    assert "Traceback" not in ended.err

    for stream, counts in reconciliation(database_url).items():
        ids = staged_ids(database_url, stream)
        assert set(ids) == set(range(max(ids) + 1))
        assert counts["merged"] == max(ids) + 1
        assert counts["duplicate"] == len(ids) - len(set(ids))
        assert counts["conflict"] == counts["rejected"] == counts["pending"] == 0
    verified = office.command("verify")
    assert verified.code == 0, verified.out


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OFFICE_PUBLISH_SECONDS", "abc"), ("OFFICE_DUPLICATE_SHARE", "1.5"), ("PGPORT", "abc")],
)
def test_a_setting_that_cannot_be_used_is_named(office: Office, variable: str, value: str) -> None:
    ended = office.start(program="ingestor", **{variable: value}).result()
    assert ended.code == 2
    [line] = ended.err.splitlines()
    assert line.startswith("Error: ")
    assert variable in line


def test_a_database_that_cannot_be_reached_is_named(office: Office) -> None:
    port = free_port()
    url = f"postgresql://somebody:open-sesame@127.0.0.1:{port}/doctor_office"
    ended = office.command("status", DATABASE_URL=url)
    assert ended.code == 1
    assert ended.out == ""
    [line] = ended.err.splitlines()
    assert line.startswith("Error: ")
    assert f"127.0.0.1:{port}" in line
    assert "open-sesame" not in line
