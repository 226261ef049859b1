"""No claim and no diagnosis is of nobody, whoever writes: the merge, or a hand that writes SQL.

The given tables check it once per statement, in the place of a foreign key's trigger for each row.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from io import StringIO

import psycopg2
import pytest
from psycopg2.errors import (
    FeatureNotSupported,
    ForeignKeyViolation,
    SerializationFailure,
)
from psycopg2.extensions import (
    ISOLATION_LEVEL_READ_COMMITTED,
    ISOLATION_LEVEL_REPEATABLE_READ,
    connection,
)

from integration.events import claim, merge, rows, stage, wait_until_blocked_or_over
from pipeline.core.database import Database
from pipeline.core.statements import execute

NOBODY = 5000
CLAIM = "INSERT INTO claim VALUES (%s, 'A', 1, %s, now())"
DIAGNOSE = "INSERT INTO diagnose VALUES (%s, 'A00.0', %s, now())"
INSERTS = {"claim": CLAIM, "diagnose": DIAGNOSE}
COME = "INSERT INTO patient VALUES (%s, 'A', 'B', '1980-01-01')"
GO = "DELETE FROM patient WHERE id = %s"
REFERRING_TO_NOBODY = """
    SELECT count(*)
    FROM (SELECT patient_id FROM claim UNION ALL SELECT patient_id FROM diagnose) AS r
    WHERE r.patient_id NOT IN (SELECT id FROM patient)
    """


@pytest.fixture
def hand(database_url: str) -> Iterator[connection]:
    """A connection of somebody who writes SQL."""
    with closing(psycopg2.connect(database_url)) as opened:
        yield opened


@pytest.fixture
def other_hand(database_url: str) -> Iterator[connection]:
    """The connection of another one."""
    with closing(psycopg2.connect(database_url)) as opened:
        yield opened


def write(hand: connection, statement: str, *values: object) -> None:
    with hand.cursor() as cursor:
        cursor.execute(statement, values or None)


def ask(hand: connection, query: str) -> int:
    with hand.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchall()[0][0])


def keep(hand: connection, statement: str, *values: object) -> None:
    write(hand, statement, *values)
    hand.commit()


def meanwhile(statement: Callable[[], None]) -> tuple[threading.Thread, list[Exception]]:
    """Runs a statement in a thread; its errors are in the list once the thread has ended."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            statement()
        except psycopg2.Error as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


@pytest.mark.parametrize("table", INSERTS)
def test_row_of_nobody_is_refused(hand: connection, table: str) -> None:
    with pytest.raises(ForeignKeyViolation) as refused:
        write(hand, INSERTS[table], 1, NOBODY)
    said = refused.value.diag
    assert said.message_primary == f"a row of {table} has a patient_id that no patient has"
    assert said.message_detail == f"There is no patient {NOBODY}."
    assert (said.table_name, said.constraint_name) == (table, f"{table}_patient_id_fkey")


@pytest.mark.parametrize("table", INSERTS)
def test_row_is_not_given_to_nobody(hand: connection, table: str) -> None:
    keep(hand, INSERTS[table], 1, 1)
    with pytest.raises(ForeignKeyViolation):
        write(hand, f"UPDATE {table} SET patient_id = %s", NOBODY)


def test_one_of_many_rows_is_of_nobody(hand: connection) -> None:
    with pytest.raises(ForeignKeyViolation):
        write(hand, "INSERT INTO claim SELECT n, 'A', 1, n, now() FROM generate_series(1, 1001) n")
    hand.rollback()
    write(hand, "INSERT INTO claim SELECT n, 'A', 1, n, now() FROM generate_series(1, 1000) n")


def test_copied_rows_of_nobody_are_refused(hand: connection) -> None:
    with hand.cursor() as cursor, pytest.raises(ForeignKeyViolation):
        cursor.copy_expert("COPY claim FROM STDIN CSV", StringIO(f"1,A,1,{NOBODY},2026-01-01\n"))


@pytest.mark.parametrize("table", INSERTS)
def test_patient_with_rows_stays(hand: connection, table: str) -> None:
    keep(hand, INSERTS[table], 1, 1)
    with pytest.raises(ForeignKeyViolation) as refused:
        write(hand, "DELETE FROM patient WHERE id < 3")
    said = refused.value.diag
    assert said.message_primary == f"a patient can't be deleted while {table} has rows of them"
    hand.rollback()
    with pytest.raises(ForeignKeyViolation):
        write(hand, "UPDATE patient SET id = id + 2000")
    hand.rollback()
    with pytest.raises(FeatureNotSupported, match="cannot truncate"):
        write(hand, "TRUNCATE patient")
    hand.rollback()
    keep(hand, "UPDATE patient SET first_name = 'A'")
    keep(hand, GO, 2)


def test_patient_who_is_being_deleted_gets_no_claim(
    database: Database, hand: connection, other_hand: connection
) -> None:
    write(hand, GO, 1)
    thread, errors = meanwhile(lambda: keep(other_hand, CLAIM, 1, 1))
    wait_until_blocked_or_over(database, thread)
    hand.commit()
    thread.join()
    assert [type(error) for error in errors] == [ForeignKeyViolation]


def test_patient_whose_claim_is_not_committed_yet_stays(
    database: Database, hand: connection, other_hand: connection
) -> None:
    write(hand, CLAIM, 1, 1)
    thread, errors = meanwhile(lambda: keep(other_hand, GO, 1))
    wait_until_blocked_or_over(database, thread)
    hand.commit()
    thread.join()
    assert [type(error) for error in errors] == [ForeignKeyViolation]


def test_snapshot_does_not_hide_a_new_claim_of_a_deleted_patient(
    hand: connection, other_hand: connection
) -> None:
    other_hand.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
    ask(other_hand, "SELECT count(*) FROM claim")
    keep(hand, CLAIM, 1, 1)
    with pytest.raises(FeatureNotSupported, match="READ COMMITTED"):
        write(other_hand, GO, 1)
    other_hand.rollback()
    # Whoever deletes nobody is not in the way.
    keep(other_hand, "UPDATE patient SET first_name = 'A' WHERE id = 1")


def test_snapshot_does_not_hide_that_a_patient_is_gone(
    hand: connection, other_hand: connection
) -> None:
    other_hand.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
    ask(other_hand, "SELECT count(*) FROM patient")
    keep(hand, GO, 1)
    with pytest.raises(SerializationFailure):
        write(other_hand, CLAIM, 1, 1)


def test_two_hands_leave_no_claim_of_nobody(hand: connection, other_hand: connection) -> None:
    """Both go on at any time: whoever comes second is refused."""
    other_hand.set_session(isolation_level=ISOLATION_LEVEL_READ_COMMITTED)

    def bill() -> None:
        for number in range(100):
            with suppress(ForeignKeyViolation):
                keep(hand, CLAIM, number, NOBODY)
            hand.rollback()

    thread, errors = meanwhile(bill)
    while thread.is_alive():
        with suppress(ForeignKeyViolation):
            keep(other_hand, f"{COME} ON CONFLICT DO NOTHING", NOBODY)
            keep(other_hand, GO, NOBODY)
        other_hand.rollback()
    thread.join()
    assert errors == []
    assert ask(hand, REFERRING_TO_NOBODY) == 0


def test_claim_of_a_patient_who_goes_during_the_merge_is_rejected(
    database: Database, hand: connection
) -> None:
    """Merged once the patient has gone, as if the patient had never been there."""
    with database.transaction() as cursor:
        cursor.execute(COME, (NOBODY,))
    stage(database, "claim", claim(1, patient=NOBODY))
    with closing(Database(database.dsn)) as merging:
        write(hand, GO, NOBODY)
        thread, errors = meanwhile(lambda: merge(merging))
        wait_until_blocked_or_over(database, thread)
        hand.commit()
        thread.join()
    assert errors == []
    assert rows(database, "SELECT fate, reason FROM staging.outcome") == [
        ("rejected", "unknown_patient")
    ]


def test_cluster_checks_each_row(database: Database, hand: connection) -> None:
    """A cluster knows no triggers: the foreign keys are enforced there."""
    with database.transaction() as cursor:
        execute(cursor, "schema/layout/check_each_row")
        execute(cursor, "schema/layout/check_each_row")
    triggers = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
    assert ask(hand, triggers) == 0
    with pytest.raises(ForeignKeyViolation, match="violates foreign key constraint"):
        write(hand, CLAIM, 1, NOBODY)
    hand.rollback()
    keep(hand, CLAIM, 1, 1)
    with pytest.raises(ForeignKeyViolation, match="violates foreign key constraint"):
        write(hand, GO, 1)


def test_without_the_given_tables_there_is_nothing_to_check(empty_database_url: str) -> None:
    with closing(Database(empty_database_url)) as database, database.transaction() as cursor:
        execute(cursor, "schema/layout/check_each_row")
