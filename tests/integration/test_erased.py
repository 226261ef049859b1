"""Raw rows that are gone: what they hold back, who finds them, and how that is recorded."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from psycopg2.errors import CheckViolation, InsufficientPrivilege

from integration.events import claim, diagnose, fates, merge, revenue, rows, stage, stage_and_merge
from integration.suites import OfficeWithSuites, copy_suites
from pipeline.audit.erased import Erasure, GoneRows, find_gone, record_erasure
from pipeline.audit.explain import explain_claim, explain_window
from pipeline.audit.rebuild import Rebuild, rebuild
from pipeline.audit.release import release
from pipeline.audit.verify import find_unbalanced, verify
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.merge.replay import replay
from pipeline.operations.status import read_status
from pipeline.quality.cycle import CycleResult, run_cycle
from pipeline.report import display
from pipeline.report.display_explain import claim_lines, window_lines

pytestmark = [
    # The library and its own dependencies, not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
LATER = NOON + 12 * WINDOW
HELD_BACK_BY = "Every raw row behind the window is there, or recorded as gone (office.py erased)."
GONE = {"010_reconciliation", "020_outcome_has_raw_row"}


class Office(OfficeWithSuites):
    def run(self) -> CycleResult:
        return run_cycle(self.database, self.make_checker(), now=LATER, batch_size=1000)


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    """Claims 1 to 3 of patients 1 to 3 in a window each, and a repeat and a rejected row."""
    claims = [claim(n, patient=n, price=n, tsp=NOON + (n - 1) * WINDOW) for n in (1, 2, 3)]
    stage_and_merge(database, "claim", *claims, claim(1, patient=1, price=1), b"oops")
    return Office(database, copy_suites(tmp_path / "suites"), tmp_path / "reports")


def execute(database: Database, statement: str, *values: object) -> None:
    with database.transaction() as cursor:
        cursor.execute(statement, values or None)


def erase(database: Database, *seqs: int) -> None:
    execute(database, "DELETE FROM staging.event WHERE seq = any(%s)", list(seqs))


def broken(database: Database) -> set[str]:
    return {each.name for each in database.run(verify, snapshot=True) if not each.holds}


def told_by_verify(database: Database) -> str:
    """The first command that verify names for an outcome without a raw row."""
    promises = database.run(verify, snapshot=True)
    [promise] = [each for each in promises if each.name == "020_outcome_has_raw_row"]
    assert [example["seq"] for example in promise.examples] == [2]
    return promise.mended_by[0]


def gone(database: Database, *seqs: int) -> GoneRows:
    return database.run(partial(find_gone, seqs=seqs))


def record(database: Database, *seqs: int, reason: str = "Patient 2 asked for it.") -> Erasure:
    return database.run(partial(record_erasure, reason=reason, seqs=seqs))


def compare(database: Database, *, is_applied: bool = False) -> Rebuild:
    return rebuild(database, batch_size=2, is_applied=is_applied)


def records(database: Database) -> list[tuple[Any, ...]]:
    return rows(database, "SELECT seq, reason FROM staging.erasure ORDER BY seq")


def text(lines: list[str]) -> str:
    assert max(map(len, lines)) <= 80
    return " ".join(" ".join(lines).split())


# --- what it holds back ---


def test_only_the_window_that_it_touches_is_held_back_until_it_is_recorded(office: Office) -> None:
    erase(office.database, 2)
    for published in ([NOON, NOON + 2 * WINDOW], []):
        result = office.run()
        assert (result.published, result.blocked) == (published, [NOON + WINDOW])
        assert {check.check_name for check in result.checks if check.blocks} == {HELD_BACK_BY}
    assert broken(office.database) == GONE
    assert told_by_verify(office.database) == "erased --reason TEXT"
    record(office.database)
    assert office.run().published == [NOON + WINDOW]
    assert {window for window, _ in revenue(office.database)} == {"12:00", "12:10", "12:20"}
    assert broken(office.database) == set()


def test_a_diagnosis_touches_the_windows_from_its_own_on_in_which_its_patient_has_claims(
    office: Office,
) -> None:
    later = [claim(n, tsp=NOON + n * WINDOW) for n in (4, 5)]
    stage_and_merge(office.database, "claim", claim(9, tsp=NOON - WINDOW), *later)
    stage_and_merge(
        office.database, "diagnose", diagnose(1, tsp=NOON + WINDOW - timedelta(minutes=1))
    )
    erase(office.database, 9)
    result = office.run()
    assert result.blocked == [NOON, NOON + 4 * WINDOW, NOON + 5 * WINDOW]
    assert result.published == [NOON - WINDOW, NOON + WINDOW, NOON + 2 * WINDOW]
    record(office.database)
    assert office.run().published == result.blocked
    assert broken(office.database) == set()


def test_what_changed_no_window_holds_none_back(office: Office) -> None:
    stage_and_merge(office.database, "diagnose", diagnose(1, icd10_code="Z00", tsp=NOON))
    stage_and_merge(office.database, "claim", claim(2, patient=2, price=9, tsp=NOON))
    assert fates(office.database) == [
        "merged",
        "merged",
        "merged",
        "duplicate",
        "rejected",
        "conflict",
    ]
    erase(office.database, 4, 5, 6, 7)
    result = office.run()
    assert (result.verdict, len(result.published)) == ("published", 3)
    assert [
        (check.suite, check.severity, check.rows_at_fault)
        for check in result.failures
        if "recorded as gone" in check.check_name
    ] == [("staging", "warning", 4)]
    assert broken(office.database) == GONE


def test_a_row_that_is_back_holds_nothing_back(office: Office) -> None:
    execute(office.database, "CREATE TABLE kept AS SELECT * FROM staging.event WHERE seq = 2")
    erase(office.database, 2)
    assert office.run().blocked == [NOON + WINDOW]
    execute(
        office.database,
        "INSERT INTO staging.event (xid, seq, stream, payload, payload_bytes, received_at)"
        " OVERRIDING SYSTEM VALUE SELECT * FROM kept",
    )
    assert office.run().published == [NOON + WINDOW]
    assert broken(office.database) == set()
    assert gone(office.database).rows == 0


def test_an_erased_row_that_is_back_counts_once(office: Office) -> None:
    execute(office.database, "CREATE TABLE kept AS SELECT * FROM staging.event WHERE seq = 2")
    erase(office.database, 2)
    record(office.database)
    execute(
        office.database,
        "INSERT INTO staging.event (xid, seq, stream, payload, payload_bytes, received_at)"
        " OVERRIDING SYSTEM VALUE SELECT * FROM kept",
    )
    assert broken(office.database) == set()
    assert compare(office.database).differences == []
    erase(office.database, 2)
    assert broken(office.database) == set()


def test_a_window_that_is_held_back_can_be_released_all_the_same(office: Office) -> None:
    erase(office.database, 2)
    office.run()
    office.database.run(partial(release, moment=NOON + WINDOW, reason="Billing has its paper."))
    assert office.run().verdict == "nothing_due"
    assert broken(office.database) == GONE


# --- the record ---


def test_what_is_gone_is_listed_and_nothing_is_changed(office: Office) -> None:
    assert gone(office.database).rows == 0
    erase(office.database, 2, 5)
    found = gone(office.database)
    assert [(row.seq, row.stream, row.entity_id, row.fate) for row in found.examples] == [
        (2, "claim", 2, "merged"),
        (5, "claim", None, "rejected"),
    ]
    assert (found.rows, found.left_rows, records(office.database)) == (2, 0, [])
    told = "\n".join(display.gone_lines(found, office="python src/office.py"))
    assert "raw row 2: claim 2, merged, received " in told
    assert "python src/office.py erased [RAW ROW]... --reason TEXT" in told


def test_the_record_says_who_why_and_when_and_is_made_once(office: Office) -> None:
    erase(office.database, 2, 5)
    done = record(office.database)
    [(user,)] = rows(office.database, "SELECT session_user")
    assert (done.rows, done.left_rows) == (2, 0)
    assert done.recorded_by.endswith(f", as database user {user}")
    shown = rows(
        office.database, "SELECT seq, fate, reason, recorded_by, recorded_at FROM audit.erased"
    )
    assert shown == [
        (5, "rejected", "Patient 2 asked for it.", done.recorded_by, done.recorded_at),
        (2, "merged", "Patient 2 asked for it.", done.recorded_by, done.recorded_at),
    ]
    with pytest.raises(OfficeError, match=r"^No raw row is gone without a record"):
        record(office.database, reason="Another reason.")
    assert rows(office.database, "SELECT DISTINCT reason FROM audit.erased") == [
        ("Patient 2 asked for it.",)
    ]


def test_only_what_is_named_is_recorded(office: Office) -> None:
    erase(office.database, 1, 2, 5)
    for seqs in ((2, 3), (2, 99)):
        with pytest.raises(OfficeError, match=rf"^Raw row {seqs[1]} isn't gone"):
            record(office.database, *seqs)
    assert records(office.database) == []
    assert record(office.database, 2).rows == 1
    assert gone(office.database, 1).rows == 1
    assert [row.seq for row in gone(office.database).examples] == [1, 5]
    assert broken(office.database) == GONE


def test_a_row_without_its_clean_row_cannot_be_recorded(office: Office) -> None:
    erase(office.database, 2, 5)
    execute(office.database, "DELETE FROM claim WHERE id = 2")
    done = record(office.database)
    assert (done.rows, done.left_rows) == (1, 1)
    assert records(office.database) == [(5, "Patient 2 asked for it.")]
    with pytest.raises(OfficeError, match=r"1 raw rows and their clean rows are gone"):
        record(office.database)
    assert "its clean row is gone, too" in "\n".join(
        display.gone_lines(gone(office.database), office="office")
    )


def test_a_blank_reason_is_refused(office: Office) -> None:
    erase(office.database, 2)
    with pytest.raises(CheckViolation):
        record(office.database, reason=" \t ")
    assert records(office.database) == []


def test_analytics_may_note_what_is_gone_and_record_nothing(office: Office) -> None:
    def attempt(statement: str) -> None:
        with office.database.transaction() as cursor:
            cursor.execute("SET LOCAL SESSION AUTHORIZATION office_analytics")
            cursor.execute(statement)

    note = (
        "INSERT INTO staging.erasure (seq, received_at, stream, fate, run_id{})"
        " VALUES (9, now(), 'claim', 'merged', 1{})"
    )
    attempt(note.format("", ""))
    for statement in (
        note.format(", reason, recorded_by, recorded_at", ", 'a', 'b', now()"),
        "UPDATE staging.erasure SET reason = 'a', recorded_by = 'b', recorded_at = now()",
        "DELETE FROM staging.erasure",
    ):
        with pytest.raises(InsufficientPrivilege):
            attempt(statement)


# --- everybody else ---


def test_the_sums_come_out_again(office: Office) -> None:
    before = rows(office.database, "SELECT * FROM audit.reconciliation")
    erase(office.database, 2, 5)
    since = datetime.now(UTC) - timedelta(days=1)
    assert office.database.run(partial(find_unbalanced, since=since), snapshot=True)
    record(office.database)
    assert not office.database.run(partial(find_unbalanced, since=since), snapshot=True)
    after = rows(office.database, "SELECT * FROM audit.reconciliation")
    assert [row[:-1] for row in after] == [row[:-1] for row in before]
    assert [row[-1] for row in after] == [2, 0]
    [shown, _] = office.database.run(read_status, snapshot=True).streams
    assert (shown.received, shown.merged, shown.rejected) == (5, 3, 1)


@pytest.mark.parametrize("seqs", [[1], [2], [4], [5], [1, 2, 3, 4, 5]])
def test_a_rebuild_takes_what_is_recorded_as_it_stands(office: Office, seqs: list[int]) -> None:
    erase(office.database, *seqs)
    assert compare(office.database).differences
    with pytest.raises(OfficeError, match=r"are gone.*nothing was changed.*office\.py erased"):
        compare(office.database, is_applied=True)
    record(office.database)
    assert compare(office.database).differences == []
    stage_and_merge(office.database, "claim", claim(1, patient=1, price=1), claim(1, price=7))
    assert fates(office.database)[-2:] == ["duplicate", "conflict"]
    assert compare(office.database).differences == []
    execute(office.database, "DELETE FROM claim WHERE id = 3 AND NOT 3 = any(%s)", seqs)
    execute(office.database, "DELETE FROM staging.outcome WHERE seq IN (1, 4, 5)")
    compare(office.database, is_applied=True)
    assert compare(office.database).differences == []
    assert len(office.run().published) == 3
    assert broken(office.database) == set()


def test_a_replay_and_a_sweep_pass_it_by(office: Office) -> None:
    stage_and_merge(office.database, "claim", claim(7, patient=5000, tsp=NOON))
    erase(office.database, 2, 6)
    record(office.database)
    execute(office.database, "INSERT INTO patient VALUES (5000, 'A', 'B', '1980-01-01')")
    assert [each.reason for each in replay(office.database)] == ["not_json"]
    office.run()
    assert broken(office.database) == set()
    assert rows(office.database, "SELECT fate FROM staging.outcome WHERE seq = 6") == [
        ("rejected",)
    ]


def test_a_biography_says_what_is_gone_and_why(office: Office) -> None:
    def told() -> tuple[str, str]:
        with office.database.transaction(snapshot=True) as cursor:
            window = explain_window(cursor, NOON + WINDOW)
            return text(claim_lines(explain_claim(cursor, 2))), text(window_lines(window))

    stage_and_merge(office.database, "claim", claim(2, patient=2, price=8))
    erase(office.database, 2, 6)
    office.run()
    of_claim, of_window = told()
    assert of_claim.count("The raw row is gone, and nobody has recorded why") == 2
    assert "where the clean row has" not in of_claim
    assert "Gone, without a record of its erasure: raw row 2 (claim 2)." in of_window
    assert "office.py erased" in of_window
    done = record(office.database)
    why = f"Patient 2 asked for it. ({done.recorded_by}, "
    of_claim, of_window = told()
    assert of_claim.count(f"The raw row was erased: {why}") == 2
    assert f"Erased raw row 2 (claim 2): {why}" in of_window


def test_a_row_erased_before_it_was_merged_leaves_a_gap_and_nothing_else(office: Office) -> None:
    stage(office.database, "claim", claim(8, tsp=NOON))
    erase(office.database, 6)
    merge(office.database)
    office.run()
    assert gone(office.database).rows == 0
    assert broken(office.database) == set()
