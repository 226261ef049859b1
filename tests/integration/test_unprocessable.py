"""A row that the database can't process is rejected alone; the others of its batch are merged."""

import logging
import math
import random
import threading
from collections.abc import Mapping
from contextlib import closing
from io import BytesIO

import psycopg2
import pytest

from integration.events import fates, pass_over, rows, stage
from integration.faulty_rows import CONTRACT, ERRORS, TRIGGER, faulty_claim, plant
from pipeline.audit.rebuild import rebuild
from pipeline.audit.verify import verify
from pipeline.core import database as database_module
from pipeline.core.database import Database
from pipeline.merge.merge import Batch, Look, merge_pending, merge_stream
from pipeline.merge.replay import Replayed, replay
from pipeline.staging.append import load_lines

MANY = 5_000
# Each batch with a row that takes too long is waited for.
MANY_WITH_A_SLOW_ROW = 100
PLACES = {
    "first": 0,
    "last": MANY - 1,
    "middle": MANY // 2,
    "random": random.Random(MANY).randrange(MANY),
}
# More than a batch of so many rows needs on a busy machine.
SECONDS = 2.0
SECONDS_WITH_A_SLOW_ROW = 1.0


@pytest.fixture
def office(database: Database) -> Database:
    """A database in which claims go wrong."""
    plant(database, TRIGGER)
    return database


def load(database: Database, codes: Mapping[int, str], many: int) -> None:
    """Claims with the ids from 0 on; some of them go wrong."""
    lines = [faulty_claim(number, codes.get(number, "A")) for number in range(many)]
    assert sum(load_lines(database, "claim", BytesIO(b"\n".join(lines)))) == many


def merge_claims(
    database: Database, size: int, sweep: Look | None = None, *, seconds: float = SECONDS
) -> list[Batch]:
    return list(
        merge_stream(database, "claim", batch_size=size, sweep=sweep, statement_seconds=seconds)
    )


def rejected_ids(database: Database) -> list[int]:
    """The ids of the claims that are rejected as not to be processed."""
    found = rows(
        database,
        """
        SELECT (e.payload::jsonb ->> 'id')::bigint
        FROM staging.outcome AS o JOIN staging.event AS e ON o.seq = e.seq
        WHERE o.fate = 'rejected' AND o.reason = 'unprocessable' AND o.entity_id IS NULL
        ORDER BY 1
        """,
    )
    return [number for (number,) in found]


def merged_ids(database: Database) -> list[int]:
    return [number for (number,) in rows(database, "SELECT id FROM claim ORDER BY id")]


def assert_rejected(database: Database, rejected: set[int], many: int) -> None:
    """They alone, and nothing else is wrong."""
    assert rejected_ids(database) == sorted(rejected)
    assert merged_ids(database) == [number for number in range(many) if number not in rejected]
    promises = database.run(verify, snapshot=True)
    assert [promise.text for promise in promises if not promise.holds] == []


def failures(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.name == "pipeline.merge.merge"]


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_one_row_of_5000_that_fails_is_rejected_in_few_batches(
    office: Database, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    load(office, {place: "22012"}, MANY)
    batches = merge_claims(office, MANY)
    assert_rejected(office, {place}, MANY)
    assert len(batches) + len(failures(caplog)) <= most_batches(MANY)


@pytest.mark.parametrize("place", [99, 37], ids=["last", "middle"])
def test_one_row_of_100_that_takes_too_long_is_rejected_in_few_batches(
    office: Database, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    many = MANY_WITH_A_SLOW_ROW
    load(office, {place: "slow"}, many)
    batches = merge_claims(office, many, seconds=SECONDS_WITH_A_SLOW_ROW)
    assert_rejected(office, {place}, many)
    assert len(batches) + len(failures(caplog)) <= most_batches(many)


def most_batches(rows: int) -> float:
    """So many batches and failures are few, where one of the rows can't be processed."""
    return 2 * math.log2(rows)


def test_many_bad_rows_cost_little_more_each(
    office: Database, caplog: pytest.LogCaptureFixture
) -> None:
    bad = set(range(0, 1000, 20))
    load(office, dict.fromkeys(bad, "22012"), 1000)
    merge_claims(office, 1000)
    assert_rejected(office, bad, 1000)
    # Each is found among its few neighbours, not among all 1,000 again.
    assert sum(vars(each)["rows"] for each in failures(caplog)) < 5 * 1000


@pytest.mark.parametrize("code", ERRORS)
def test_whatever_refuses_a_row_rejects_it(office: Database, code: str) -> None:
    load(office, {3: code}, 8)
    merge_claims(office, 8)
    assert_rejected(office, {3}, 8)


@pytest.mark.parametrize("code", ["23505", "53200", "53400"])
def test_what_may_pass_is_tried_again_before_a_row_is_rejected(
    office: Database, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    load(office, {1: code}, 2)
    merge_claims(office, 2)
    assert_rejected(office, {1}, 2)
    tried = [each for each in caplog.records if each.name == "pipeline.core.database"]
    assert len(tried) == len(failures(caplog)) * (database_module.ATTEMPTS - 1)


@pytest.mark.parametrize(
    "code", ["40001", "40P01", "53100", "55P03", "57P01", "58030", "cancelled"]
)
def test_a_passing_error_rejects_no_row(office: Database, code: str) -> None:
    load(office, {0: code}, 1)
    with pytest.raises(psycopg2.Error):
        merge_claims(office, 1)
    assert fates(office) == ["pending"]
    with office.transaction() as cursor:
        cursor.execute("DROP TRIGGER go_wrong ON claim")
    merge_claims(office, 1)
    assert fates(office) == ["merged"]


def test_a_row_that_waits_for_a_lock_is_not_rejected(database: Database) -> None:
    stage(database, "claim", faulty_claim(1))
    with closing(Database(database.dsn)) as other, other.transaction() as cursor:
        cursor.execute("LOCK TABLE claim")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            list(merge_stream(database, "claim", batch_size=1, statement_seconds=0.4))
    assert fates(database) == ["pending"]


def test_a_missing_right_rejects_no_row(database: Database) -> None:
    stage(database, "claim", faulty_claim(1))
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE claim RENAME COLUMN price TO cost")
    with pytest.raises(psycopg2.errors.UndefinedColumn):
        merge_claims(database, 1)
    assert fates(database) == ["pending"]


def test_rows_that_commit_late_are_halved_too(office: Database) -> None:
    with closing(Database(office.dsn)) as late, late.transaction() as cursor:
        for number in range(8):
            cursor.execute(
                "INSERT INTO staging.event (stream, payload) VALUES ('claim', %s)",
                (faulty_claim(number, "22012" if number == 5 else "A").decode(),),
            )
        stage(office, "claim", faulty_claim(8))
        merge_claims(office, 100)
    merge_claims(office, 100)
    assert_rejected(office, {5}, 9)


@pytest.mark.parametrize("sweep", [Look.RECENT, Look.ALL])
def test_rows_that_a_sweep_finds_are_halved_too(office: Database, sweep: Look) -> None:
    load(office, {2: "22012", 9: "22012"}, 20)
    pass_over(office)
    merge_claims(office, 100, sweep)
    assert_rejected(office, {2, 9}, 20)


def test_a_constraint_that_is_checked_at_the_end_counts_too(database: Database) -> None:
    load(database, {3: "B", 6: "B"}, 8)
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE claim ADD UNIQUE (code, tsp) DEFERRABLE INITIALLY DEFERRED")
        cursor.execute("UPDATE staging.event SET received_at = received_at + seq * interval '1 s'")
        cursor.execute("UPDATE staging.event SET received_at = now() WHERE payload LIKE '%\"B\"%'")
    merge_claims(database, 8)
    assert_rejected(database, {6}, 8)


def test_the_log_names_no_value(office: Database, caplog: pytest.LogCaptureFixture) -> None:
    load(office, {4711: "22012"}, MANY)
    merge_claims(office, MANY)
    said = " ".join(str(vars(each)) for each in caplog.records)
    assert "DivisionByZero 22012" in said
    assert "a planted error" not in said
    assert {vars(each)["first_seq"] for each in failures(caplog)} >= {4712}


def test_a_replay_tries_it_again(office: Database) -> None:
    load(office, {1: "22012"}, 3)
    merge_claims(office, 3)
    assert replay(office, reason="unprocessable") == [Replayed("claim", "unprocessable", 1)]
    merge_claims(office, 3)
    assert_rejected(office, {1}, 3)
    with office.transaction() as cursor:
        cursor.execute("DROP TRIGGER go_wrong ON claim")
    replay(office, reason="unprocessable")
    merge_claims(office, 3)
    assert_rejected(office, set(), 3)


def test_a_rebuild_takes_it_from_the_record(database: Database) -> None:
    plant(database, CONTRACT)
    load(database, {1: "22012"}, 3)
    merge_claims(database, 3)
    assert_rejected(database, {1}, 3)
    assert rebuild(database, batch_size=2, is_applied=True).differences == []


def test_mergers_at_once_reject_it_once(office: Database) -> None:
    load(office, dict.fromkeys(range(0, 400, 50), "22012"), 400)
    errors: list[BaseException] = []

    def merge_often() -> None:
        with closing(Database(office.dsn)) as own:
            try:
                for _ in range(3):
                    list(merge_pending(own, batch_size=100, statement_seconds=SECONDS))
            except BaseException as error:  # noqa: BLE001
                errors.append(error)

    threads = [threading.Thread(target=merge_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert_rejected(office, set(range(0, 400, 50)), 400)
