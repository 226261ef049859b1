"""The checker is not blind: it reports everything that is planted."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from e2e.queries import execute
from faults.checker import Checker, LogReader, Violation, difference_of_states
from faults.events import CANARY, Events
from faults.ledger import Ledger
from pipeline.core.database import Database
from pipeline.merge.merge import merge_pending
from pipeline.revenue import revenue
from pipeline.staging import append as staging
from publisher import SIMULATED

EVENTS = 150


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def checker(database: Database, database_url: str, ledger: Ledger) -> Iterator[Checker]:
    """A checker of an office in which all is well."""
    stage(database, ledger)
    merge(database)
    publish(database)
    checker = Checker(database_url, ledger)
    assert checker.check(is_at_rest=True, everything=True) == []
    assert checker.check_figures() == []
    yield checker
    checker.close()


def stage(database: Database, ledger: Ledger) -> None:
    events = Events("checker")
    for stream in SIMULATED:
        payloads = [events.next(stream) for _ in range(EVENTS)]
        with database.transaction() as cursor:
            for payload in payloads:
                ledger.publish(stream, payload)
                staging.append(cursor, stream, [payload])
        for payload in payloads:
            ledger.acknowledge(stream, payload)


def merge(database: Database) -> None:
    assert list(merge_pending(database, batch_size=40))


def publish(database: Database) -> None:
    with database.transaction() as cursor:
        run = revenue.compute(cursor, now=datetime.now(UTC))
        assert len(revenue.publish(cursor, run.quality_run_id, run.windows)) > 30


def invariants(violations: list[Violation]) -> set[str]:
    return {violation.invariant for violation in violations}


MERGED = "(SELECT min(seq) FROM staging.outcome WHERE fate = 'merged' AND stream = 'claim')"
MERGED_ID = f"(SELECT entity_id FROM staging.outcome WHERE seq = {MERGED})"
DROP_KEY = "ALTER TABLE staging.outcome DROP CONSTRAINT outcome_pkey;"
COPY_OUTCOME = f"""
    INSERT INTO staging.outcome
    SELECT * FROM staging.outcome WHERE seq = {MERGED}
    """

# What is planted, and the invariant that breaks: for one who saw the rows before, for a newcomer.
PLANTED = {
    "an acknowledged event is deleted": (
        "I1",
        "I1",
        f"DELETE FROM staging.event WHERE seq = {MERGED}",
    ),
    "a payload is changed": (
        "I1",
        "I1",
        f"UPDATE staging.event SET payload = payload || ' ' WHERE seq = {MERGED}",
    ),
    "an outcome is doubled": ("I2", "I2", DROP_KEY + COPY_OUTCOME),
    "an outcome belongs to no raw row": (
        "I2",
        "I2",
        "UPDATE staging.outcome SET seq = 1000000 WHERE seq = 1",
    ),
    "an outcome is removed": ("I2", "I4", f"DELETE FROM staging.outcome WHERE seq = {MERGED}"),
    "a conflict is called a duplicate": (
        "I2",
        "I3",
        "UPDATE staging.outcome SET fate = 'duplicate' WHERE fate = 'conflict'",
    ),
    "a clean row is deleted": ("I3", "I3", f"DELETE FROM claim WHERE id = {MERGED_ID}"),
    "a clean row has no outcome": (
        "I3",
        "I3",
        "INSERT INTO claim (id, code, price, patient_id, tsp) VALUES (10^9, '1', 1, 1, now())",
    ),
    "a price is changed": (
        "I3",
        "I3",
        f"UPDATE claim SET price = price + 0.01 WHERE id = {MERGED_ID}",
    ),
    "a diagnosis is of another time": (
        "I3",
        "I3",
        "UPDATE diagnose SET tsp = tsp - interval '1 us'",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found_by_one_who_saw_it_before(
    checker: Checker, database_url: str, planted: str
) -> None:
    invariant, _, statements = PLANTED[planted]
    execute(database_url, statements)
    assert invariant in invariants(checker.check(is_at_rest=True, everything=True))


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found_by_one_who_comes_new(
    checker: Checker, database_url: str, ledger: Ledger, planted: str
) -> None:
    assert checker.lost() == 0
    _, invariant, statements = PLANTED[planted]
    execute(database_url, statements)
    with closing(Checker(database_url, ledger)) as newcomer:
        assert invariant in invariants(newcomer.check(is_at_rest=True))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE analytics.revenue_by_diagnosis SET revenue = revenue + 0.01 WHERE claims > 0",
        "UPDATE analytics.revenue_by_diagnosis SET patients = patients + 1",
        "DELETE FROM analytics.revenue_by_diagnosis WHERE category = 'Asthma'",
        "UPDATE analytics.revenue_by_diagnosis SET window_start = window_start - interval '1 day'",
    ],
)
def test_a_figure_that_is_not_as_recomputed_is_found(
    checker: Checker, database_url: str, change: str
) -> None:
    execute(database_url, change)
    assert invariants(checker.check_figures()) == {"I5"}


def test_an_event_that_was_acknowledged_and_not_staged_is_found(
    checker: Checker, ledger: Ledger
) -> None:
    ledger.publish("claim", b"never staged")
    assert invariants(checker.check(is_at_rest=False)) == set()
    assert invariants(checker.check(is_at_rest=True)) == {"I1"}
    ledger.acknowledge("claim", b"never staged")
    assert invariants(checker.check(is_at_rest=False)) == {"I1"}
    assert checker.lost() == 1


def test_the_second_of_two_equal_events_is_missed(checker: Checker, ledger: Ledger) -> None:
    [event, *_] = ledger.acknowledged()
    ledger.publish(*event)
    ledger.acknowledge(*event)
    assert invariants(checker.check(is_at_rest=False)) == {"I1"}


def test_what_is_pending_at_rest_is_found(
    checker: Checker, database: Database, ledger: Ledger
) -> None:
    stage(database, ledger)
    assert checker.pending() == 2 * EVENTS
    assert checker.check(is_at_rest=False) == []
    assert invariants(checker.check(is_at_rest=True)) == {"I4"}
    merge(database)
    assert checker.check(is_at_rest=True, everything=True) == []


def test_a_row_that_is_written_again_is_found(checker: Checker, database_url: str) -> None:
    before = checker.state()
    assert difference_of_states(before, checker.state()) == []
    execute(database_url, "UPDATE claim SET price = price")
    assert invariants(difference_of_states(before, checker.state())) == {"I6"}


@pytest.mark.parametrize(
    "line",
    [
        f"ERROR: value {CANARY} 17 is not right",
        f"error near {CANARY.upper()}",
        'payload={"id": 7, "patient_id": 3}',
    ],
)
def test_a_payload_in_a_log_is_found_and_not_repeated(tmp_path: Path, line: str) -> None:
    log = tmp_path / "ingestor.log"
    log.write_text("INFO receiving: stream=claim patient_id is a column\n")
    reader = LogReader(tmp_path)
    assert reader.check() == []
    with log.open("a") as opened:
        opened.write(f"{line}\n")
    [violation] = reader.check()
    assert violation.invariant == "I7"
    assert str(log) in str(violation)
    assert CANARY not in str(violation)


def test_a_trace_that_is_written_in_two_goes_is_found(tmp_path: Path) -> None:
    with closing((tmp_path / "log").open("w")) as log:
        log.write(CANARY[:3])
        log.flush()
        reader = LogReader(tmp_path)
        assert reader.check() == []
        log.write(CANARY[3:])
        log.flush()
        assert len(reader.check()) == 1
