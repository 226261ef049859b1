"""A slice of the fuzz run, and that it sees what it is there to see."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from faults import fuzz
from faults.costs import TOO_DEAR, Averages
from faults.fuzz import Fuzz, Violation, fuzz_database
from faults.payloads import DEAR_SHAPES, MUTATIONS, Payload, payloads
from faults.staged import receive_at
from generators import RECEIVED_AT, changed
from pipeline.core.database import Database
from pipeline.core.statements import statement

SEED = 413
SLICE = 2_000


@pytest.fixture
def still_database(database: Database) -> Database:
    """One where everything arrives at the same moment."""
    receive_at(database, RECEIVED_AT)
    return database


@pytest.fixture(scope="module")
def averages(shared_database_url: str) -> Iterator[Averages]:
    """What average events cost, measured once."""
    with closing(Database(shared_database_url)) as database:
        yield Averages(database)


def test_a_slice_of_the_fuzz_run_holds(still_database: Database) -> None:
    said: list[str] = []
    assert fuzz_database(still_database, count=SLICE, seed=SEED, say=said.append), said
    assert said[0] == f"seed {SEED}"
    assert said[-1] == f"{SLICE} payloads, 0 stops, 100 % with an outcome"


def test_the_same_seed_gives_the_same_payloads_and_another_gives_others() -> None:
    def first(seed: int) -> list[Payload]:
        source = payloads(Random(seed))
        return [next(source) for _ in range(500)]

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize("mutate", dict.fromkeys(MUTATIONS), ids=lambda mutate: mutate.__name__)
def test_every_mutation_changes_something_and_bears_an_empty_payload(mutate: object) -> None:
    assert callable(mutate)
    random = Random(SEED)
    payload = changed("claim").encode()
    assert sum(mutate(random, payload) != payload for _ in range(20)) > 5
    assert isinstance(mutate(random, b""), bytes)


# --- a checker that is blind is worth nothing ---

SECRET = b"Canary"
EVENTS = [
    ("claim", changed("claim").encode()),
    ("claim", b"no JSON, but a " + SECRET),
    ("diagnose", changed("diagnose").encode()),
]

BEFORE_THE_MERGE = {
    "a payload is changed": "UPDATE staging.event SET payload = payload || ' ' WHERE seq = 2",
    "a payload is gone": "DELETE FROM staging.event WHERE seq = 2",
    "a payload is there twice": """
        INSERT INTO staging.event (stream, payload)
        SELECT stream, payload FROM staging.event WHERE seq = 2
    """,
    "the merge fails": "ALTER TABLE claim ADD CHECK (price > 1000)",
}
AFTER_THE_MERGE = {
    "an outcome is gone": "DELETE FROM staging.outcome WHERE seq = 2",
    "another fate": "UPDATE staging.outcome SET fate = 'conflict' WHERE seq = 1",
    "another reason": "UPDATE staging.outcome SET reason = 'bad_code' WHERE seq = 2",
    "another id": "UPDATE staging.outcome SET entity_id = 8 WHERE seq = 1",
    "two outcomes": """
        ALTER TABLE staging.outcome DROP CONSTRAINT outcome_pkey;
        INSERT INTO staging.outcome SELECT * FROM staging.outcome WHERE seq = 2
    """,
    "another clean price": "UPDATE claim SET price = price + 1",
    "a clean row is gone": "DELETE FROM diagnose",
    "analytics fails": "ALTER TABLE analytics.revenue_candidate ADD CHECK (claims > 1000)",
    "a promise is broken": """
        INSERT INTO staging.outcome
        SELECT -1, stream, 8, 'rejected', 'bad_code', run_id, received_at
        FROM staging.outcome WHERE seq = 1
    """,
}


def run_with(
    database: Database, averages: Averages, *, before: str = "SELECT", after: str = "SELECT"
) -> None:
    """A run of three events in which something is done behind its back."""
    run = Fuzz(database, Random(SEED), averages)
    run.send(EVENTS)
    execute(database, before)
    run.merge()
    execute(database, after)
    run.check_merged()
    run.check_everything()
    run.check_all_read_back()


def execute(database: Database, sql: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(sql)


def test_nothing_is_found_where_nothing_is_wrong(
    still_database: Database, averages: Averages
) -> None:
    run_with(still_database, averages)


@pytest.mark.parametrize("sql", BEFORE_THE_MERGE.values(), ids=BEFORE_THE_MERGE)
def test_what_goes_wrong_before_the_merge_is_found(
    still_database: Database, averages: Averages, sql: str
) -> None:
    with pytest.raises(Violation):
        run_with(still_database, averages, before=sql)


@pytest.mark.parametrize("sql", AFTER_THE_MERGE.values(), ids=AFTER_THE_MERGE)
def test_what_goes_wrong_after_the_merge_is_found(
    still_database: Database, averages: Averages, sql: str
) -> None:
    with pytest.raises(Violation):
        run_with(still_database, averages, after=sql)


@pytest.mark.parametrize("shape", DEAR_SHAPES)
def test_what_may_be_dear_to_judge_is_not(
    still_database: Database, averages: Averages, shape: Callable[[int], str]
) -> None:
    payload = changed("claim", more=shape(10_000))
    assert averages.times_of(still_database, "claim", payload) <= TOO_DEAR


def test_a_payload_that_is_dear_is_found(still_database: Database, averages: Averages) -> None:
    """The contract is made slow for one payload."""
    run = Fuzz(still_database, Random(SEED), averages)
    slow = statement("schema/repeatable/138_has_unique_keys").replace(
        "SELECT\n    (SELECT count(*)", "SELECT pg_sleep(0.1) IS NULL OR\n    (SELECT count(*)"
    )
    execute(still_database, slow.replace("IMMUTABLE", "VOLATILE"))
    run.send([("claim", changed("claim", more='{"k": 1, "k": 2}').encode())])
    run.merge()
    with pytest.raises(Violation, match="times as much as an average one"):
        run.check_merged()


def test_what_changes_later_is_found(still_database: Database, averages: Averages) -> None:
    run = Fuzz(still_database, Random(SEED), averages)
    run.send(EVENTS)
    run.merge()
    run.check_merged()
    execute(still_database, "UPDATE staging.event SET payload = 'x' WHERE seq = 2")
    with pytest.raises(Violation):
        run.check_all_read_back()


def test_a_payload_that_stops_the_pipeline_is_counted_and_kept_and_not_told(
    still_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    execute(still_database, "ALTER TABLE staging.event ADD CHECK (payload NOT LIKE '%Canary%')")
    monkeypatch.setattr(fuzz, "payloads", lambda _: iter(EVENTS))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    said: list[str] = []
    assert not fuzz_database(still_database, count=len(EVENTS), seed=SEED, say=said.append)
    assert any("1 stops" in line for line in said)
    assert any(f"--seed {SEED}" in line and "CheckViolation" in line for line in said)
    assert not any(SECRET.decode() in line for line in said)
    kept = {file.read_bytes() for file in tmp_path.rglob("*.claim")}
    assert EVENTS[1][1] in kept
