"""The model itself, against examples worked out by hand."""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from generators import KNOWN, PATIENTS, RECEIVED_AT, Known, changed
from model import (
    BrokenContractError,
    Claim,
    Clean,
    Diagnosis,
    Figure,
    Number,
    RawRow,
    dirtied_windows,
    is_closed,
    merge,
    nesting,
    normal_form,
    parse_json,
    read_row,
    revenue,
    window_of,
)

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=3)


def at(minutes: float) -> datetime:
    """A moment, in minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def row(stream: str, payload: str | bytes, seq: int = 1) -> RawRow:
    encoded = payload.encode() if isinstance(payload, str) else payload
    return RawRow(seq, stream, encoded, RECEIVED_AT)


def reason_of(known: Known) -> str | None:
    try:
        read_row(row(known.stream, known.payload), PATIENTS)
    except BrokenContractError as broken:
        return broken.reason
    return None


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: repr(known.payload[:60]))
def test_known_payloads_get_their_reason(known: Known) -> None:
    assert reason_of(known) == known.reason


def test_every_reason_is_among_the_known_payloads() -> None:
    assert {known.reason for known in KNOWN} == {
        *(None, "not_json", "too_large", "too_deep", "not_object", "unstorable", "duplicate_key"),
        *("bad_id", "bad_patient_id", "bad_code", "bad_price", "bad_icd10_code", "bad_tsp"),
        "unknown_patient",
    }


def test_a_claim_is_typed() -> None:
    payload = changed("claim", tsp='"2024-02-28T12:00:00.1234567+02:00"', price="310e-2")
    assert read_row(row("claim", payload), PATIENTS) == Claim(
        id=7,
        code="03230",
        price=Decimal("3.10"),
        patient_id=3,
        tsp=datetime(2024, 2, 28, 10, 0, 0, 123456, tzinfo=UTC),
    )


def test_a_diagnosis_is_typed_and_takes_the_time_of_receipt_where_it_has_none() -> None:
    assert read_row(row("diagnose", changed("diagnose")), PATIENTS) == Diagnosis(
        id=7, icd10_code="R41.3", patient_id=3, tsp=RECEIVED_AT
    )


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-28T12:09:59.9999999Z",
        "2024-02-28T23:59:59.9999999+00:00",
        "2024-02-28T00:09:59.123456999+05:30",
        "2024-02-28 10:00:00,5-0800",
        "2024-02-28T10:00+01",
        "2024-02-28T10:00:00.1+15:59",
    ],
)
def test_a_time_is_what_pythons_own_reader_says(text: str) -> None:
    payload = changed("diagnose", tsp=f'"{text}"')
    assert read_row(row("diagnose", payload), PATIENTS).tsp == datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("r413", "R41.3"),
        ("R41.3 V L", "R41.3"),
        ("E10.30* G", "E10.30"),
        ("I64G", "I64"),
        ("I64 Z", "I64"),
        ("F32A", "F32.A"),
        ("S72.001A", "S72.001A"),
        ("C81.0A", "C81.0A"),
        ("R41.3A", "R41.3"),
        ("Q00.ZZZZ", None),
        ("R41.", None),
        ("R41..3", None),
        ("", None),
    ],
)
def test_the_normal_form_of_a_code(written: str, code: str | None) -> None:
    assert normal_form(written) == code


def test_a_negative_offset_is_west() -> None:
    payload = changed("diagnose", tsp='"2024-02-28T10:00:00-01:30"')
    tsp = read_row(row("diagnose", payload), PATIENTS).tsp
    assert tsp == datetime(2024, 2, 28, 11, 30, tzinfo=UTC)


def test_a_rejected_row_keeps_its_id_where_that_is_valid() -> None:
    rows = [row("claim", changed("claim", price="-1")), row("claim", changed("claim", id="-1"))]
    assert [outcome.entity_id for outcome in merge(rows, PATIENTS).outcomes] == [7, None]


def test_parsing_keeps_numbers_as_written_and_the_recursion_limit_as_it_was() -> None:
    before = sys.getrecursionlimit()
    assert parse_json("[1.0, 1e2, -0]") == [Number("1.0"), Number("1e2"), Number("-0")]
    assert sys.getrecursionlimit() == before


@pytest.mark.parametrize(
    ("text", "depth"),
    [("", 0), ("7", 0), ("{}", 1), ('["[[["]', 1), ('["\\"[[", [{}]]', 3), ("[][][[", 2)],
)
def test_nesting_leaves_string_literals_out(text: str, depth: int) -> None:
    assert nesting(text) == depth


def test_the_first_row_wins_and_later_ones_are_told_apart() -> None:
    payloads = [
        changed("claim", price="-1"),
        changed("claim", price="3.1", tsp='"2024-02-28T10:00:00Z"'),
        changed("claim", price="3.10", more="1"),
        changed("claim", price="3.2"),
        changed("claim", price="3.1"),
        changed("claim", id="8"),
    ]
    rows = [row("claim", payload, seq) for seq, payload in enumerate(payloads)]
    clean = merge(rows, PATIENTS)
    fates = [outcome.fate for outcome in clean.outcomes]
    assert fates == ["rejected", "merged", "duplicate", "conflict", "duplicate", "merged"]
    assert clean.claims[7].price == Decimal("3.1")
    assert clean.claims.keys() == {7, 8}


def test_streams_do_not_share_ids() -> None:
    clean = merge([row("claim", changed("claim")), row("diagnose", changed("diagnose"))], PATIENTS)
    assert [outcome.fate for outcome in clean.outcomes] == ["merged", "merged"]


def test_windows_are_half_open_and_closed_from_their_end_on() -> None:
    assert window_of(at(0)) == window_of(at(9.999)) == NOON
    assert window_of(at(10)) == at(10)
    assert is_closed(NOON, at(10))
    assert not is_closed(NOON, at(10) - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("minutes", "starts_at"), [(1, 29), (15, 15), (20, 20), (45, 0), (90, 0), (1440, -720)]
)
def test_windows_of_any_length_are_counted_from_midnight(minutes: int, starts_at: int) -> None:
    length = timedelta(minutes=minutes)
    assert window_of(at(29.5), length) == at(starts_at)
    assert is_closed(at(starts_at), at(starts_at + minutes), length)
    assert not is_closed(at(starts_at), at(starts_at + minutes - 0.001), length)


def claim(id_: int, patient_id: int, price: str, minutes: float) -> Claim:
    return Claim(id_, "x", Decimal(price), patient_id, at(minutes))


def diagnosis(id_: int, patient_id: int, code: str, minutes: float) -> Diagnosis:
    return Diagnosis(id_, code, patient_id, at(minutes))


def office(claims: list[Claim], diagnoses: list[Diagnosis]) -> Clean:
    return Clean({each.id: each for each in claims}, {each.id: each for each in diagnoses})


NONE = Figure(Decimal(0), 0, 0)


def test_revenue_of_patients_diagnosed_by_the_windows_end() -> None:
    clean = office(
        [
            claim(1, 1, "10.00", 1),
            claim(2, 1, "5.50", 2),
            claim(3, 2, "7.00", 3),
            claim(4, 3, "100.00", 4),
            claim(5, 2, "1.00", 15),
        ],
        [
            diagnosis(1, 1, "R41.3", 9.999),
            diagnosis(2, 1, "R41.3", 1),
            diagnosis(3, 1, "J44.9", -500),
            diagnosis(4, 2, "R41.3", 10),
            diagnosis(5, 3, "Z00", 0),
        ],
    )
    assert revenue(clean, LATER) == {
        (NOON, "Amnesia"): Figure(Decimal("15.50"), 2, 1),
        (NOON, "Asthma"): Figure(Decimal("15.50"), 2, 1),
        (at(10), "Amnesia"): Figure(Decimal("1.00"), 1, 1),
        (at(10), "Asthma"): NONE,
    }


def test_only_closed_windows_have_figures() -> None:
    clean = office([claim(1, 1, "1", 1), claim(2, 1, "1", 11)], [])
    assert revenue(clean, at(10)) == {(NOON, "Amnesia"): NONE, (NOON, "Asthma"): NONE}
    assert revenue(clean, at(9)) == {}


def test_late_events_dirty_their_own_and_the_patients_later_windows() -> None:
    claims = [claim(1, 1, "1", -5), claim(2, 1, "1", 5), claim(3, 1, "1", 25), claim(4, 2, "1", 35)]
    before = office(claims, [])
    tracked = office(claims, [diagnosis(1, 1, "J44.9", 9)])
    untracked = office(claims, [diagnosis(1, 1, "Z00", 9)])
    claimed = office([*claims, claim(5, 3, "1", 45)], [])
    assert dirtied_windows(before, tracked) == {NOON, at(20)}
    assert dirtied_windows(before, untracked) == set()
    assert dirtied_windows(before, claimed) == {at(40)}
    assert dirtied_windows(before, before) == set()
