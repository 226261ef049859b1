"""Ingestors that share a broker's streams, with the real servers of both kinds."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.processes import Office, Running, wait_until
from e2e.queries import fetch, received, reconciliation, staged_ids
from e2e.test_run import received as shown_as_received
from faults.crowd import waiting
from pipeline.operations.embedded_broker import broker

QUICK = {"OFFICE_PUBLISH_SECONDS": "0.05", "OFFICE_MERGE_SECONDS": "0.5"}
INGESTORS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'ingestor claim'
"""


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    """A broker of the test's own."""
    with broker(tmp_path / "broker") as url:
        yield url


def require_all_staged(url: str) -> None:
    """Ids that a publisher has counted have no gap."""
    for stream, counts in reconciliation(url).items():
        assert counts["pending"] == 0
        ids = set(staged_ids(url, stream))
        assert len(ids) > 1
        assert ids == set(range(min(ids), max(ids) + 1))


def test_ingestors_come_and_go_while_a_publisher_sends(office: Office, broker_url: str) -> None:
    url = str(office.database_url)
    parts = urlsplit(broker_url)
    at_broker = {
        **QUICK,
        # An event that repeats an id would leave its own number out.
        "OFFICE_DUPLICATE_SHARE": "0",
        "OFFICE_BROKER_URL": f"nats://{parts.username}@{parts.hostname}:{parts.port}",
        "OFFICE_BROKER_PASSWORD": str(parts.password),
        "OFFICE_METRICS_PORT": "0",
    }
    ingestors = [office.start(program="ingestor", **at_broker) for _ in range(2)]
    publisher = office.start("publish", **at_broker)
    publisher.wait_until(lambda: received(url) > 100 and fetch(url, INGESTORS) == [(2,)])
    assert ingestors[0].stop(signal.SIGTERM).code == 0
    ingestors.append(office.start(program="ingestor", **at_broker))
    ingestors[1].process.kill()
    enough = received(url) + 100
    publisher.wait_until(lambda: received(url) > enough)
    assert publisher.stop(signal.SIGTERM).code == 0
    wait_until(lambda: waiting(broker_url) == 0)
    assert ingestors[2].stop(signal.SIGTERM).code == 0
    require_all_staged(url)


def shows_more(running: Running, events: int) -> bool:
    """Whether the status shows that each stream has received more than so many events."""
    return shown_as_received(running.out) > events


def test_run_with_ingestors_that_share_an_embedded_broker(embedded_office: Office) -> None:
    office = embedded_office
    for enough in (50, 100):
        running = office.start("run", "--ingestors", "2", **QUICK)
        running.wait_until(partial(shows_more, running, enough))
        ended = running.stop(signal.SIGINT)
        assert ended.code == 0, ended.err
        # Another test's server may have the usual port, which is said.
        assert "Error" not in ended.err
        wait_until(lambda: not office.processes())
    url = office.command("db").out.strip()
    assert office.command("merge").code == 0
    assert office.command("verify").code == 0
    counts = reconciliation(url)["claim"]
    assert counts["received"] > 100
    assert "password" not in "".join(
        log.read_text() for log in (office.home / "logs").glob("*.log")
    )


def test_what_is_wrong_with_a_broker_is_told_in_a_line(office: Office, broker_url: str) -> None:
    nowhere = office.command("publish")
    assert nowhere.code == 2
    assert nowhere.err == (
        "Error: There is nowhere to publish to: neither CLAIM_PIPE_NAME and DIAGNOSE_PIPE_NAME nor "
        "OFFICE_BROKER_URL is set. See: python src/office.py publish --help\n"
    )
    odd = office.start("publish", OFFICE_BROKER_URL="localhost:4222").result()
    assert (odd.code, odd.err.count("\n")) == (2, 1)
    assert "it looks like nats://user:password@host:4222" in odd.err
    host = broker_url.split("@")[1]
    wrong = {"OFFICE_BROKER_URL": f"nats://office:not-it@{host}"}
    refused = f"the broker at {host} refuses the login. See OFFICE_BROKER_URL."
    publisher = office.start("publish", **wrong).result()
    assert publisher.code == 1
    assert publisher.err.splitlines()[-1] == f"Error: Nothing is published: {refused}"
    ingestor = office.start(program="ingestor", **wrong).result()
    assert ingestor.code == 1
    assert ingestor.err.splitlines()[-1] == f"Error: Nothing is received: {refused}"
    assert "not-it" not in publisher.err + ingestor.err
