"""A dump of the database, restored into another cluster, goes on without loss."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from faults.checker import Checker
from faults.lane import Lane
from faults.server import Reader, Server, own_port

TRANSACTIONS_BEFORE = 3000
ROLES = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'office%'"


@pytest.fixture
def source() -> Iterator[Lane]:
    """An office whose cluster has seen many transactions."""
    with closing(Lane("dumped", port=own_port(), analytics=False)) as lane:
        for _ in range(TRANSACTIONS_BEFORE):
            lane.fetch("SELECT pg_current_xact_id()")
        yield lane


@pytest.fixture
def target() -> Iterator[Server]:
    """A new cluster with an empty database."""
    server = Server(26800, init_sql=None)
    yield server
    server.close()


def test_a_dump_restored_into_another_cluster_goes_on(source: Lane, target: Server) -> None:
    source.flow()
    source.settle()
    source.stop_ingestor()
    leave_pending(source)
    restore(source, target)

    with closing(Reader(target.url)) as reader:
        [(pending, is_behind)] = reader.rows("""
            SELECT
                count(*) FILTER (WHERE o.seq IS NULL),
                max(e.xid) > pg_snapshot_xmax(pg_current_snapshot())
            FROM staging.event AS e LEFT JOIN staging.outcome AS o USING (seq)
            """)
    assert pending == 200
    assert is_behind

    # Closed only after the source, whose ledger it goes on with.
    with closing(Lane("restored", server=target, ledger=source.ledger)) as lane:
        for _ in range(3):
            lane.flow()
            lane.settle()
        lane.check()
        lane.check_everything()
        assert lane.fetch(ROLES) == [(4,)]
        assert lane.verdicts["alarm"] == 0


def leave_pending(lane: Lane) -> None:
    """Stages events that nobody merges."""
    for _ in range(100):
        for stream in ("claim", "diagnose"):
            payload = lane.good_event(stream)
            lane.ledger.publish(stream, payload)
            values = f"('{stream}', '{payload.decode()}')"
            lane.execute(f"INSERT INTO staging.event (stream, payload) VALUES {values}")
            lane.ledger.acknowledge(stream, payload)
    with closing(Checker(lane.url, lane.ledger)) as checker:
        assert checker.pending() == 200


def restore(source: Lane, target: Server) -> None:
    """Roles and what they may do belong to the cluster: the schema makes them anew."""
    dump = source.server.site.folder / "office.dump"
    source.server.run("pg_dump", "--format=custom", f"--file={dump}")
    moved = target.site.folder / "office.dump"
    moved.write_bytes(dump.read_bytes())
    moved.chmod(0o644)
    options = ("--exit-on-error", "--no-tablespaces", "--no-privileges", "--dbname=doctor_office")
    target.run("pg_restore", *options, moved)
