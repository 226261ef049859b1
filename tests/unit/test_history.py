"""The made-up history, as the independent model reads it."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from history import CHRONIC, HOUR, History, make_history, window_of
from model import Clean, RawRow, merge
from publisher import SIMULATED

WINDOW = timedelta(minutes=10)
UNTIL = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
PATIENTS = range(1, 1001)
FATES = {"merged", "duplicate", "conflict", "rejected"}


@pytest.fixture(scope="module")
def history() -> History:
    """From the small hours to the afternoon."""
    return make_history(UNTIL, window=WINDOW, hours=10)


@pytest.fixture(scope="module")
def rows(history: History) -> list[RawRow]:
    return rows_of(history)


def rows_of(history: History) -> list[RawRow]:
    arrivals = [(stream, a) for stream in SIMULATED for a in history.arrivals[stream]]
    return [
        RawRow(seq, stream, arrival.payload, history.until)
        for seq, (stream, arrival) in enumerate(arrivals, start=1)
    ]


@pytest.fixture(scope="module")
def clean(rows: list[RawRow]) -> Clean:
    return merge(rows, PATIENTS)


def fates_of(clean: Clean, rows: list[RawRow], number: int) -> list[tuple[str, str | None]]:
    """What becomes of the claims whose payload says this id."""
    seqs = {row.seq for row in rows if row.stream == "claim" and said(row.payload) == number}
    return [(o.fate, o.reason) for o in clean.outcomes if o.seq in seqs]


def said(payload: bytes) -> Any:  # noqa: ANN401  (whatever JSON can say)
    try:
        return json.loads(payload)["id"]
    except ValueError:
        return None


def test_the_same_seed_gives_the_same_history() -> None:
    first, second = (make_history(UNTIL, window=WINDOW, hours=1, seed=7) for _ in range(2))
    assert first == second
    assert make_history(UNTIL, window=WINDOW, hours=1, seed=8) != first


def test_arrivals_come_in_order_and_before_the_end(history: History) -> None:
    for stream in SIMULATED:
        times = [arrival.at for arrival in history.arrivals[stream]]
        assert times == sorted(times)
        assert history.since <= times[0] <= times[-1] < history.until


def test_parts_of_it_are_the_whole(history: History) -> None:
    middle = UNTIL - 3 * HOUR
    for stream in SIMULATED:
        before = history.payloads(stream, history.since, middle)
        after = history.payloads(stream, middle, history.until)
        assert before
        assert before + after == [arrival.payload for arrival in history.arrivals[stream]]


def test_every_fate_and_most_reasons_come_about(clean: Clean) -> None:
    for stream in SIMULATED:
        outcomes = [outcome for outcome in clean.outcomes if outcome.stream == stream]
        fates = Counter(outcome.fate for outcome in outcomes)
        assert set(fates) == FATES
        assert fates["merged"] > 0.8 * len(outcomes)
    reasons = {outcome.reason for outcome in clean.outcomes}
    assert reasons >= {"not_json", "bad_id", "bad_price", "bad_icd10_code", "bad_tsp"}
    assert "unknown_patient" in reasons


def test_the_examples_are_what_they_say(history: History, clean: Clean, rows: list[RawRow]) -> None:
    examples = history.examples
    assert fates_of(clean, rows, examples.conflict) == [("merged", None), ("conflict", None)]
    assert fates_of(clean, rows, examples.unknown_patient) == [("rejected", "unknown_patient")]
    mistyped = clean.claims[examples.mistyped]
    assert mistyped.price > 10_000
    assert window_of(mistyped.tsp, WINDOW) == examples.held_back
    assert window_of(clean.claims[examples.conflict].tsp, WINDOW) == examples.window
    assert [claim.id for claim in clean.claims.values() if claim.price > 10_000] == [mistyped.id]


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_the_demo_s_shortest_history_has_it_all_at_any_hour(hour: int) -> None:
    history = make_history(UNTIL.replace(hour=hour), window=WINDOW, hours=1)
    rows = rows_of(history)
    clean = merge(rows, PATIENTS)
    assert {outcome.fate for outcome in clean.outcomes} == FATES
    test_the_examples_are_what_they_say(history, clean, rows)
    windows = {window_of(claim.tsp, WINDOW) for claim in clean.claims.values()}
    assert windows == {history.since + n * WINDOW for n in range(6)} - {history.examples.gap}


def test_the_line_is_down_for_an_hour_of_claims_alone(history: History, clean: Clean) -> None:
    gap = history.examples.gap
    windows = Counter(window_of(claim.tsp, WINDOW) for claim in clean.claims.values())
    empty = [history.since + n * WINDOW for n in range(60)]
    assert [w for w in empty if not windows[w]] == [gap + n * WINDOW for n in range(6)]
    assert any(window_of(each.tsp, WINDOW) == gap for each in clean.diagnoses.values())


def test_late_diagnoses_change_earlier_windows(history: History) -> None:
    late = [
        diagnosis
        for arrival in history.arrivals["diagnose"]
        if b'"tsp"' in arrival.payload and arrival.payload.endswith(b'Z"}')
        for diagnosis in [json.loads(arrival.payload)]
        if diagnosis.get("icd10_code") in CHRONIC
        and timedelta(0) < arrival.at - datetime.fromisoformat(diagnosis["tsp"]) < 9 * HOUR
        and window_of(datetime.fromisoformat(diagnosis["tsp"]), WINDOW)
        < window_of(arrival.at, WINDOW) - WINDOW
    ]
    assert late


def test_the_day_is_busier_than_the_night(clean: Clean) -> None:
    hours = Counter(claim.tsp.hour for claim in clean.claims.values())
    assert hours[9] > 10 * hours[4] > 0


def test_some_patients_and_not_all_have_what_is_reported_on(clean: Clean) -> None:
    for code, share in CHRONIC.items():
        having = {d.patient_id for d in clean.diagnoses.values() if d.icd10_code == code}
        assert 0.7 * share * len(PATIENTS) <= len(having) <= share * len(PATIENTS)


@pytest.mark.parametrize("wrong", [{"hours": 0}, {"patients": 9}])
def test_it_takes_an_hour_and_some_patients(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make_history(UNTIL, window=WINDOW, **wrong)


@pytest.mark.parametrize(("minutes", "hours"), [(15, 2), (45, 5), (90, 9), (480, 48)])
def test_windows_of_other_lengths_have_their_examples(minutes: int, hours: int) -> None:
    length = timedelta(minutes=minutes)
    until = window_of(UNTIL, length)
    made = make_history(until, window=length, hours=hours)
    starts = [made.examples.window, made.examples.held_back, made.examples.gap]
    assert len(set(starts)) == len(starts)
    assert all(window_of(start, length) == start < until for start in starts)
    with pytest.raises(ValueError, match="too short for 6 windows"):
        make_history(until, window=length, hours=hours - hours // 2)
