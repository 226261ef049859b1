"""Biographies of claims, diagnoses and windows, and what they cost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from psycopg2 import sql

from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    merge,
    rows,
    stage,
    stage_and_merge,
    table_of,
)
from pipeline.audit.explain import (
    WINDOWS_LISTED,
    ClaimBiography,
    DiagnoseBiography,
    WindowBiography,
    explain_claim,
    explain_diagnose,
    explain_row,
    explain_window,
    read_window_at,
)
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.notation import IN_UTC
from pipeline.core.statements import fetch_one, for_each_stream, statement, statements_in
from pipeline.merge.replay import replay
from pipeline.report.display_explain import claim_lines, diagnose_lines, row_lines, window_lines
from pipeline.revenue.revenue import compute

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
LATER = NOON + 12 * WINDOW


def of_claim(database: Database, number: int) -> ClaimBiography:
    return database.run(partial(explain_claim, claim_id=number), snapshot=True)


def of_diagnose(database: Database, number: int) -> DiagnoseBiography:
    return database.run(partial(explain_diagnose, diagnose_id=number), snapshot=True)


def of_window(database: Database, moment: datetime = NOON) -> WindowBiography:
    return database.run(partial(explain_window, moment=moment), snapshot=True)


def change(database: Database, statements: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statements)


def text(lines: list[str]) -> str:
    """What a person reads, however it is wrapped."""
    assert max(map(len, lines)) <= 80
    return " ".join(" ".join(lines).split())


# --- rows of any stream ---


def test_a_row_of_any_stream_has_its_raw_rows_and_its_clean_row(database: Database) -> None:
    stage_and_merge(database, "diagnose", diagnose(7, tsp=NOON), diagnose(8))
    stage_and_merge(database, "diagnose", diagnose(7, icd10_code="J45.2", tsp=NOON))

    found = database.run(partial(explain_row, stream="diagnose", row_id=7), snapshot=True)
    assert [row["fate"] for row in found.raw_rows] == ["merged", "conflict"]
    assert found.as_dict()["stream"] == "diagnose"
    told = text(row_lines(found))
    assert told.startswith("Diagnose 7 (times are UTC) Raw rows, in the order of arrival: 2")
    assert "icd10_code J45.2, where the clean row has R41.3" in told
    assert told.endswith("Clean row icd10_code R41.3, patient_id 1, tsp 2026-05-04 12:00:00")


# --- claims ---


def test_every_raw_row_of_a_claim_in_the_order_of_arrival(database: Database) -> None:
    stage_and_merge(database, "claim", claim(7, price=3, tsp=NOON), claim(8, tsp=NOON))
    stage(database, "claim", claim(7, price=3, tsp=NOON), claim(7, price=4, code="A", tsp=NOON))
    stage_and_merge(database, "claim", claim(7, patient=5000))
    stage(database, "claim", claim(77), claim(7, price=9), claim(9, patient=7))

    found = of_claim(database, 7)
    fates = ["merged", "duplicate", "conflict", "rejected", "pending"]
    assert [row["fate"] for row in found.raw_rows] == fates
    assert [row["differences"] for row in found.raw_rows[:2]] == [[], []]
    difference = {
        (each["field"], str(each["raw"]), str(each["clean"]))
        for each in found.raw_rows[2]["differences"]
    }
    assert difference == {("code", "A", "03230"), ("price", "4.00", "3.00")}
    assert found.clean
    assert str(found.clean["price"]) == "3.00"
    shown = text(claim_lines(found))
    assert "price 4.00, where the clean row has 3.00" in shown
    assert "no patient in the table has the patient_id (unknown_patient)" in shown
    assert "Waits to be merged" in shown


def test_a_claim_that_was_only_rejected_has_no_clean_row(database: Database) -> None:
    stage_and_merge(database, "claim", claim(7, patient=5000))
    found = of_claim(database, 7)
    assert (found.clean, found.window, found.categories) == (None, None, [])
    assert "Clean row There is none." in text(claim_lines(found))


def test_a_replayed_row_tells_what_became_of_it_before(database: Database) -> None:
    stage_and_merge(database, "claim", claim(7, patient=5000))
    replay(database)
    [row] = of_claim(database, 7).raw_rows
    assert row["fate"] == "pending"
    assert [each["reason"] for each in row["earlier_outcomes"]] == ["unknown_patient"]
    change(database, "INSERT INTO patient VALUES (5000, 'A', 'B', '2000-01-01')")
    merge(database)
    found = of_claim(database, 7)
    assert [row["fate"] for row in found.raw_rows] == ["merged"]
    shown = text(claim_lines(found))
    assert "rejected, no patient in the table has the patient_id (unknown_patient). Rep" in shown
    assert "Became the clean row" in shown


def test_a_claim_that_did_not_come_through_staging(database: Database) -> None:
    change(database, "INSERT INTO claim VALUES (7, 'A', 3, 1, '2026-05-04 12:00Z')")
    stage_and_merge(database, "claim", claim(7, price=4))
    found = of_claim(database, 7)
    assert [row["fate"] for row in found.raw_rows] == ["conflict"]
    assert [each["field"] for each in found.raw_rows[0]["differences"]] == ["code", "price"]
    assert found.window


@pytest.mark.parametrize(
    ("diagnosed", "counts", "told"),
    [
        (NOON - timedelta(days=9), True, "by the end of the window"),
        (NOON + WINDOW - timedelta(microseconds=1), True, "12:09:59.999999, by the end of"),
        (NOON + WINDOW, False, "12:10:00, after the window had ended"),
        (None, False, "patient 1 was never diagnosed with it"),
    ],
)
def test_whether_a_claim_counts_and_why(
    database: Database, diagnosed: datetime | None, told: str, *, counts: bool
) -> None:
    stage_and_merge(database, "claim", claim(7, tsp=NOON), claim(8, patient=2, tsp=NOON))
    stage_and_merge(database, "diagnose", diagnose(3, patient=2, tsp=NOON))
    if diagnosed:
        stage_and_merge(database, "diagnose", diagnose(4, tsp=diagnosed))
        stage_and_merge(database, "diagnose", diagnose(5, tsp=diagnosed + 60 * MINUTE))
    compute_and_publish(database, LATER)
    found = of_claim(database, 7)
    assert {each.category: each.counts for each in found.categories} == {
        "Amnesia": counts,
        "Asthma": False,
    }
    shown = text(claim_lines(found))
    assert told in shown
    figure = "20.00 (2 claims, 2 patients)" if counts else "10.00 (1 claim, 1 patient)"
    part = "Part of the published figure" if counts else "The published figure"
    assert f"{part} {figure}." in shown


def test_a_new_category_is_said(database: Database) -> None:
    stage_and_merge(database, "diagnose", diagnose(1, icd10_code="I10", tsp=NOON))
    stage_and_merge(database, "claim", claim(7, tsp=NOON))
    compute_and_publish(database, LATER)
    change(database, "INSERT INTO analytics.tracked_diagnosis VALUES ('I10', 'Hypertension')")
    assert "The category is new or was changed: the next analytics run takes that in." in text(
        claim_lines(of_claim(database, 7))
    )
    found = of_window(database)
    assert "new or changed: the next run takes it in" in text(window_lines(found))
    assert not found.found_something_wrong


# --- diagnoses ---


def test_a_diagnosis_says_from_which_window_on_it_counts_and_where(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON - WINDOW), claim(2, patient=2, tsp=NOON))
    stage_and_merge(database, "claim", claim(3, tsp=NOON), claim(4, tsp=NOON + 3 * WINDOW))
    compute_and_publish(database, LATER)
    stage_and_merge(database, "diagnose", diagnose(7, tsp=NOON + 7 * MINUTE))
    found = of_diagnose(database, 7)
    assert found.counts_from == NOON
    assert [(each["category"], each["is_first"]) for each in found.categories] == [
        ("Amnesia", True)
    ]
    assert [each["window_start"] for each in found.windows] == [NOON, NOON + 3 * WINDOW]
    shown = text(diagnose_lines(found))
    assert "claims count from the window 2026-05-04 12:00 on" in shown
    line = "2026-05-04 12:30 1 claim, 10.00: published, marked to be computed again"
    assert line in shown


def test_a_later_diagnosis_of_the_category_changes_nothing(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON + WINDOW))
    stage_and_merge(database, "diagnose", diagnose(7, tsp=NOON), diagnose(8, tsp=NOON + MINUTE))
    found = of_diagnose(database, 8)
    assert found.windows == []
    assert "changes nothing, because the patient's first diagnosis of it is 7 (R41.3)" in text(
        diagnose_lines(found)
    )


def test_an_untracked_diagnosis_counts_for_none(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    stage_and_merge(database, "diagnose", diagnose(7, icd10_code="E11.9", tsp=NOON))
    found = of_diagnose(database, 7)
    assert (found.categories, found.windows) == ([], [])
    assert "E11.9 counts for none" in text(diagnose_lines(found))


def test_of_many_windows_the_first_are_listed(database: Database) -> None:
    many = WINDOWS_LISTED + 5
    stage_and_merge(database, "claim", *(claim(n, tsp=NOON - n * WINDOW) for n in range(many)))
    stage_and_merge(database, "diagnose", diagnose(7, tsp=NOON - many * WINDOW))
    found = of_diagnose(database, 7)
    assert (len(found.windows), found.all_windows) == (WINDOWS_LISTED, many)
    assert f"and {many - 20} more windows" in text(diagnose_lines(found))


# --- windows ---


def test_the_claims_of_a_window_add_up_to_its_figure(database: Database) -> None:
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON), diagnose(2, patient=2, tsp=NOON))
    claims = [claim(n, patient=1 + n % 3, price=n + 0.25, tsp=NOON) for n in range(60)]
    stage_and_merge(database, "claim", *claims)
    compute_and_publish(database, LATER)
    found = of_window(database, NOON + 9 * MINUTE)
    assert found.window.window_start == NOON
    [amnesia, asthma] = found.categories
    # Patients 1 and 2 are of n = 0, 3, 6 … and n = 1, 4, 7 …
    assert str(amnesia.revenue) == f"{sum(n + 0.25 for n in range(60) if n % 3 < 2):.2f}"
    assert (len(amnesia.contributions), amnesia.patients, amnesia.agrees) == (40, 2, True)
    assert (str(asthma.revenue), asthma.agrees) == ("0.00", True)
    assert found.not_counting == 20
    shown = text(window_lines(found))
    assert f"sum {amnesia.revenue} agrees with the published figure" in shown
    assert "and 20 more claims; --json shows them" in shown
    assert "Claims in the window: 60; counting for no category: 20." in shown


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE analytics.revenue_by_diagnosis SET revenue = 9.99 WHERE category = 'Amnesia'",
        "UPDATE analytics.revenue_by_diagnosis SET claims = 2 WHERE category = 'Amnesia'",
        "DELETE FROM analytics.revenue_by_diagnosis WHERE category = 'Amnesia'",
        "UPDATE claim SET price = 11",
        "DELETE FROM claim",
        "DELETE FROM diagnose",
    ],
)
def test_a_figure_that_its_claims_do_not_account_for_is_found(
    database: Database, damage: str
) -> None:
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON))
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    compute_and_publish(database, LATER)
    assert not of_window(database).found_something_wrong
    change(database, damage)
    found = of_window(database)
    assert found.found_something_wrong
    shown = text(window_lines(found))
    assert "DOES NOT AGREE with" in shown
    stage_and_merge(database, "claim", claim(2, tsp=NOON))
    found = of_window(database)
    assert not found.found_something_wrong
    assert "DOES NOT AGREE" not in text(window_lines(found))


def test_a_window_that_is_marked_need_not_agree_and_says_by_whom(database: Database) -> None:
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON))
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    compute_and_publish(database, LATER)
    stage_and_merge(database, "claim", claim(2, price=5, tsp=NOON))
    found = of_window(database)
    [(run,)] = rows(database, "SELECT max(run_id) FROM staging.merge_run")
    assert [mark["run_id"] for mark in found.window.marks] == [run]
    shown = text(window_lines(found))
    assert "it is due: the next analytics run computes it" in shown
    assert f"by merge run {run} (claim)" in shown
    assert "published 10.00 (1 claim, 1 patient)" in shown
    assert "sum 15.00 need not agree: the window is due again" in shown
    assert not found.found_something_wrong


def test_a_window_that_is_neither_published_nor_marked_is_found(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    assert not of_window(database).found_something_wrong
    change(database, "DELETE FROM analytics.dirty_window")
    found = of_window(database)
    assert found.window.state == "unaccounted"
    assert found.found_something_wrong


def test_a_window_that_is_being_checked(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    run = database.run(lambda cursor: compute(cursor, now=LATER)).quality_run_id
    window = database.run(partial(read_window_at, moment=NOON))
    assert window.in_words(IN_UTC) == f"analytics run {run} has computed it and checks it"


def test_a_gap_and_an_open_window_are_said_in_words(database: Database) -> None:
    now = datetime.now(UTC)
    stage_and_merge(database, "claim", claim(1, tsp=NOON), claim(2))
    gap = of_window(database, NOON + WINDOW)
    assert text(window_lines(gap)) == (
        "Window 2026-05-04 12:10 to 12:20 UTC: "
        "it is a gap: no claim came in, so that it has no figures."
    )
    opened = text(window_lines(of_window(database, now)))
    assert "it is open, closes at" in opened
    assert "not published" in opened
    assert not gap.found_something_wrong


def test_a_category_that_is_no_longer_tracked_is_said(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    compute_and_publish(database, LATER)
    change(database, "DELETE FROM analytics.tracked_diagnosis WHERE category = 'Asthma'")
    change(database, "UPDATE analytics.revenue_by_diagnosis SET revenue = 5 WHERE category > 'B'")
    found = of_window(database)
    assert not found.found_something_wrong
    assert "no longer tracked: the next run withdraws it" in text(window_lines(found))


def test_a_figure_of_a_category_that_nobody_tracks_is_wrong(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    compute_and_publish(database, LATER)
    assert not of_window(database).found_something_wrong
    change(
        database,
        "INSERT INTO analytics.revenue_by_diagnosis "
        "SELECT window_start, 'Gout', 0, 0, 0, quality_run_id, now() "
        "FROM analytics.revenue_by_diagnosis LIMIT 1",
    )
    found = of_window(database)
    assert found.found_something_wrong
    shown = text(window_lines(found))
    assert "DOES NOT AGREE" in shown
    assert "rebuild --apply" in shown


# --- what nobody knows ---


def test_what_nobody_knows_is_said(database: Database) -> None:
    for moment in (NOON, datetime(1, 1, 1, tzinfo=UTC)):
        with pytest.raises(OfficeError, match="no claim has been merged yet"):
            of_window(database, moment)
    stage_and_merge(database, "claim", claim(7, tsp=NOON + MINUTE))
    stage_and_merge(database, "diagnose", diagnose(8, tsp=NOON))
    with pytest.raises(OfficeError, match="carries the claim id 8;"):
        of_claim(database, 8)
    with pytest.raises(OfficeError, match="carries the diagnose id 7;"):
        of_diagnose(database, 7)
    with pytest.raises(OfficeError, match="the first claim is of 2026-05-04 12:01:00 UTC"):
        of_window(database, NOON - WINDOW)
    with pytest.raises(OfficeError, match="hasn't begun yet"):
        of_window(database, datetime.now(UTC) + timedelta(days=2))


# --- what it looks like ---


def test_characters_that_would_steer_a_terminal_are_shown_by_their_numbers(
    database: Database,
) -> None:
    payload = '{"id": 7, "patient_id": 1, "code": "A\x9b31m\u202e", "price": 1}'
    stage_and_merge(database, "claim", payload.encode())
    lines = claim_lines(of_claim(database, 7))
    assert all(line.isprintable() for line in lines)
    assert r"code A\u009b31m\u202e" in text(lines)


def test_a_long_payload_is_cut_and_a_long_biography_too(database: Database) -> None:
    payload = claim(7, tsp=NOON)[:-1] + b', "note": "' + b"x" * 5000 + b'"}'
    stage_and_merge(database, "claim", *[payload] * 30)
    found = of_claim(database, 7)
    assert found.raw_rows[29]["payload"] == payload.decode()
    lines = claim_lines(found)
    assert sum(map(len, lines)) < 20_000
    assert f"{len(payload)} characters; --json shows all" in text(lines)
    assert "and 10 more raw rows; --json shows them" in text(lines)


# --- what it costs ---

# 100,000 raw rows that are merged, a tenth of them duplicates, in 5,000 windows.
HISTORY = """
    CREATE TEMPORARY TABLE ten_minutes AS
    SELECT n, timestamptz '2026-01-01 00:00Z' + n * interval '10 minutes' AS window_start
    FROM generate_series(0, 4999) AS n;

    INSERT INTO staging.merge_run (stream, is_sweep, started_at, finished_at)
    VALUES ('claim', FALSE, now(), now()), ('diagnose', FALSE, now(), now());
    INSERT INTO staging.event (stream, payload)
    SELECT s.stream, format(
        '{"id": %s, "patient_id": %s, "code": "A", "price": 1, "icd10_code": "R41.3"}',
        n % 45000, 1 + n % 1000
    )
    FROM generate_series(0, 49999) AS n, (VALUES ('claim'), ('diagnose')) AS s (stream);
    INSERT INTO staging.outcome (seq, stream, entity_id, fate, run_id, received_at)
    SELECT e.seq, e.stream, (e.seq - 1) / 2 % 45000,
        CASE WHEN e.seq <= 90000 THEN 'merged' ELSE 'duplicate' END,
        CASE e.stream WHEN 'claim' THEN 1 ELSE 2 END,
        e.received_at
    FROM staging.event AS e;
    UPDATE staging.merge_cursor
    SET taken_seq = 100000, looked_seq = 100000, taken_at = now(), looked_at = now();

    INSERT INTO claim (id, code, price, patient_id, tsp)
    SELECT 9 * n + m, 'A', 1, 1 + (9 * n + m) % 1000, window_start
    FROM ten_minutes, generate_series(0, 8) AS m;
    INSERT INTO diagnose (id, icd10_code, patient_id, tsp)
    SELECT n, 'R41.3', 1 + n % 1000, '2026-01-01 00:00Z' FROM generate_series(0, 44999) AS n;

    INSERT INTO analytics.quality_run
    (verdict, merged_from, merged_through, closed_before, started_at, finished_at)
    VALUES ('published', 0, 0, now(), now(), now());
    INSERT INTO analytics.revenue_by_diagnosis
    SELECT window_start, category, 9, 9, 9, 1, now()
    FROM ten_minutes, (VALUES ('Amnesia'), ('Asthma')) AS c (category);
    INSERT INTO analytics.dirty_window (window_start)
    SELECT window_start FROM ten_minutes ORDER BY n;
    INSERT INTO analytics.revenue_candidate
    SELECT 1, window_start, 'Amnesia', 9, 9, 9, n + 1 FROM ten_minutes;
    DROP TABLE ten_minutes;
"""
PENDING = """
    INSERT INTO staging.event (stream, payload)
    SELECT 'claim', format('{"id": %s, "patient_id": 1, "code": "A", "price": 1}', 4000 + n)
    FROM generate_series(0, 999) AS n
"""
LARGE = {
    "event",
    "outcome",
    "claim",
    "diagnose",
    "revenue_by_diagnosis",
    "dirty_window",
    "revenue_candidate",
}
PARAMETERS: dict[str, Any] = {
    "id": 4711,
    "stream": "claim",
    "patient_id": 712,
    "icd10_code": "R41.3",
    "window_start": datetime(2026, 1, 1, 8, 40, tzinfo=UTC),
    "since": datetime(2026, 1, 1, tzinfo=UTC),
    "most": WINDOWS_LISTED,
    "quality_run_id": 1,
    "seqs": [9423, 9425],
}


def test_the_cost_depends_on_the_biography_alone(database: Database) -> None:
    change(database, HISTORY)
    change(database, PENDING)
    # Before the planner knows how large anything is, no table at least is read from end to end.
    whole = {
        name
        for name, stream in for_each_stream(statements_in("audit/explain"))
        for scan in scans(database, name, stream)
        if scan["Node Type"] == "Seq Scan" and table_of(scan["Relation Name"]) in LARGE
    }
    assert whole == set()
    change(database, "ANALYZE")
    read = {
        (name, stream): sum(map(rows_read, scans(database, name, stream)))
        for name, stream in for_each_stream(statements_in("audit/explain"))
    }
    # The pending rows are 1,000, each found in an index and in the table.
    assert {name: count for name, count in read.items() if count > 3000} == {}
    fates_found = [row["fate"] for row in of_claim(database, 4711).raw_rows]
    assert fates_found == ["merged", "duplicate", "pending"]


def scans(database: Database, name: str, stream: str | None) -> list[dict[str, Any]]:
    """Where a statement reads tables and indexes, and how much."""
    with database.transaction() as cursor:
        place = fetch_one(cursor, "staging/cursor", {"stream": "claim"})._asdict()
        query = cursor.mogrify(statement(name, stream), {**PARAMETERS, **place}).decode()
        cursor.execute(sql.SQL("EXPLAIN (ANALYZE, FORMAT json) ") + sql.SQL(query))
        [[plan]] = cursor.fetchone() or []
    return [node for node in nodes(plan["Plan"]) if "Scan" in node["Node Type"]]


def rows_read(scan: dict[str, Any]) -> int:
    seen = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return int(sum(scan.get(key, 0) for key in seen) * scan["Actual Loops"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)
