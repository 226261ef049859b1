"""What the pipeline must come to, in plain Python and Decimal, written from the design alone.

Three parts: what a raw row says (the contract), what becomes of it (first wins), and the revenue of
a window. It shares no line with the SQL, so that the two can be held against each other.
"""

import json
import re
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import accumulate
from typing import Final, NoReturn

LARGEST_PAYLOAD_BYTES: Final = 1_048_576
DEEPEST_NESTING: Final = 1_000
LARGEST_BIGINT: Final = 2**63 - 1
SMALLEST_BIGINT: Final = -(2**63)
LONGEST_CODE: Final = 16
PRICE_LIMIT: Final = 10_000_000_000
LATEST_AFTER_RECEIPT: Final = timedelta(hours=24)
WINDOW: Final = timedelta(minutes=10)

# PostgreSQL's numeric: digits before and after the decimal point, and the exponent it reads.
NUMERIC_DIGITS_BEFORE: Final = 131_072
NUMERIC_DIGITS_AFTER: Final = 16_383
NUMERIC_EXPONENT: Final = 2**30 - 1

# How deep the JSON parser may recurse; well above the deepest nesting that is accepted.
PARSER_RECURSION: Final = 20_000

TRACKED: Final = {"R41.3": "Amnesia", "J44.9": "Asthma"}

STRING_LITERAL = re.compile(r'"([^"\\]|\\.)*"', re.DOTALL)
INTEGER = re.compile(r"-?[0-9]+")
NUMBER = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
ICD10_CODE = re.compile(r"[A-Z][0-9][0-9AB]([.][0-9A-Z]{1,4})?")
TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])(0[0-9]|1[0-5]):([0-5][0-9]))"
)


@dataclass(frozen=True)
class RawRow:
    """A row of the raw layer."""

    seq: int
    stream: str
    payload: bytes
    received_at: datetime


@dataclass(frozen=True)
class Claim:
    """A clean claim."""

    id: int
    code: str
    price: Decimal
    patient_id: int
    tsp: datetime

    @property
    def content(self) -> tuple[object, ...]:
        """What a later row of the same id is compared by."""
        return (self.code, self.price, self.patient_id)


@dataclass(frozen=True)
class Diagnosis:
    """A clean diagnosis."""

    id: int
    icd10_code: str
    patient_id: int
    tsp: datetime

    @property
    def content(self) -> tuple[object, ...]:
        """What a later row of the same id is compared by."""
        return (self.icd10_code, self.patient_id)


@dataclass(frozen=True)
class Outcome:
    """What became of a raw row."""

    seq: int
    stream: str
    entity_id: int | None
    fate: str
    reason: str | None = None


@dataclass(frozen=True)
class Clean:
    """The clean tables by id, and the outcomes behind them in the order of merging."""

    claims: dict[int, Claim] = field(default_factory=dict)
    diagnoses: dict[int, Diagnosis] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True)
class Figure:
    """The revenue of a category in a window, and how many claims and patients stand behind it."""

    revenue: Decimal
    claims: int
    patients: int


Figures = dict[tuple[datetime, str], Figure]


class BrokenContractError(Exception):
    """A raw row breaks the contract, for a reason; its id where that is valid."""

    def __init__(self, reason: str, entity_id: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.entity_id = entity_id


# JSON, with numbers as they were written and objects with every pair.


@dataclass(frozen=True)
class Number:
    """A JSON number, as it was written."""

    text: str


@dataclass(frozen=True)
class Object:
    """A JSON object, with every pair that was written."""

    pairs: list[tuple[str, object]]

    @property
    def keys(self) -> list[str]:
        """The keys, repeated ones included."""
        return [key for key, _ in self.pairs]


def parse_json(text: str) -> object:
    """The value that the text says, by RFC 8259.

    Raises:
        ValueError: it is not JSON.
    """
    with _recursion(PARSER_RECURSION):
        return json.loads(
            text,
            object_pairs_hook=Object,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@contextmanager
def _recursion(limit: int) -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, limit))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _values(document: object) -> Iterator[object]:
    """Every value of a document, itself and the keys of its objects included."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, list):
            waiting.extend(value)
        if isinstance(value, Object):
            waiting.extend(value.keys)
            waiting.extend(member for _, member in value.pairs)


# The contract of a raw row.


def read_row(row: RawRow, patients: Container[int]) -> Claim | Diagnosis:
    """The clean row that a raw row says.

    Raises:
        BrokenContractError: the first rule that it breaks.
    """
    document = read_document(row.payload)
    entity_id = _read_id(document)
    try:
        return _read_entity(row, document, entity_id, patients)
    except BrokenContractError as broken:
        raise BrokenContractError(broken.reason, entity_id) from None


def read_document(payload: bytes) -> dict[str, object]:
    """The fields of a payload that is one storable JSON object with unique keys.

    Raises:
        BrokenContractError: it is none.
    """
    text = _read_text(payload)
    _require(len(payload) <= LARGEST_PAYLOAD_BYTES, "too_large")
    _require(nesting(text) <= DEEPEST_NESTING, "too_deep")
    try:
        document = parse_json(text)
    except ValueError:
        raise BrokenContractError("not_json") from None
    if not isinstance(document, Object):
        raise BrokenContractError("not_object")
    values = list(_values(document))
    _require(all(_is_storable(value) for value in values), "unstorable")
    objects = [value for value in values if isinstance(value, Object)]
    _require(all(len(set(each.keys)) == len(each.keys) for each in objects), "duplicate_key")
    return dict(document.pairs)


def nesting(text: str) -> int:
    """How deep the brackets of a text nest, those in string literals aside."""
    brackets = re.findall(r"[\[\]{}]", STRING_LITERAL.sub("", text))
    depths = accumulate(1 if bracket in "[{" else -1 for bracket in brackets)
    return max(depths, default=0)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise BrokenContractError(reason)


def _read_text(payload: bytes) -> str:
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenContractError("not_json") from None
    _require("\0" not in text, "not_json")
    return text


def _is_storable(value: object) -> bool:
    if isinstance(value, Number):
        return _is_numeric(value)
    if isinstance(value, str):
        return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
    return True


def _is_numeric(number: Number) -> bool:
    """Whether PostgreSQL's numeric can hold it."""
    match = NUMBER.fullmatch(number.text)
    if match is None:
        return False
    whole, fraction, exponent = match[1], match[2] or "", Decimal(match[3] or 0)
    if abs(exponent) > NUMERIC_EXPONENT:
        return False
    leading_zeros = len(whole + fraction) - len((whole + fraction).lstrip("0"))
    is_zero = leading_zeros == len(whole + fraction)
    digits_before = 0 if is_zero else len(whole) - leading_zeros + exponent
    digits_after = len(fraction) - exponent
    return digits_before <= NUMERIC_DIGITS_BEFORE and digits_after <= NUMERIC_DIGITS_AFTER


def _read_id(document: Mapping[str, object]) -> int:
    return _read_integer(document.get("id"), 0, LARGEST_BIGINT, "bad_id")


def _read_integer(value: object, smallest: int, largest: int, reason: str) -> int:
    if not isinstance(value, Number) or not INTEGER.fullmatch(value.text):
        raise BrokenContractError(reason)
    number = Decimal(value.text)
    _require(smallest <= number <= largest, reason)
    return int(number)


def _read_entity(
    row: RawRow, document: Mapping[str, object], entity_id: int, patients: Container[int]
) -> Claim | Diagnosis:
    patient_id = _read_integer(
        document.get("patient_id"), SMALLEST_BIGINT, LARGEST_BIGINT, "bad_patient_id"
    )
    entity: Claim | Diagnosis
    if row.stream == "claim":
        code, price = _read_code(document.get("code")), _read_price(document.get("price"))
        entity = Claim(entity_id, code, price, patient_id, _read_time(document, row.received_at))
    else:
        icd10_code = _read_icd10_code(document.get("icd10_code"))
        tsp = _read_time(document, row.received_at)
        entity = Diagnosis(entity_id, icd10_code, patient_id, tsp)
    _require(patient_id in patients, "unknown_patient")
    return entity


def _read_code(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_CODE:
        raise BrokenContractError("bad_code")
    return value


def _read_price(value: object) -> Decimal:
    if not isinstance(value, Number):
        raise BrokenContractError("bad_price")
    price = Decimal(value.text)
    _require(0 <= price < PRICE_LIMIT, "bad_price")
    cents = Fraction(price) * 100
    _require(cents.denominator == 1, "bad_price")
    return Decimal(cents.numerator) / 100


def _read_icd10_code(value: object) -> str:
    if not isinstance(value, str) or not ICD10_CODE.fullmatch(value):
        raise BrokenContractError("bad_icd10_code")
    return value


def _read_time(document: Mapping[str, object], received_at: datetime) -> datetime:
    if "tsp" not in document:
        return received_at
    tsp = _read_timestamp(document["tsp"])
    _require(tsp <= received_at + LATEST_AFTER_RECEIPT, "bad_tsp")
    return tsp


def _read_timestamp(value: object) -> datetime:
    match = TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BrokenContractError("bad_tsp")
    *clock, fraction, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    year, month, day, hour, minute, second = map(int, clock)
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return local + _microseconds(fraction) - (-offset if sign == "-" else offset)
    except (ValueError, OverflowError):
        raise BrokenContractError("bad_tsp") from None


def _microseconds(fraction: str | None) -> timedelta:
    exact = Decimal(f"0.{fraction or 0}") * 1_000_000
    return timedelta(microseconds=int(exact.to_integral_value(ROUND_HALF_EVEN)))


# First wins.


def merge(rows: Iterable[RawRow], patients: Container[int], onto: Clean | None = None) -> Clean:
    """What the raw rows, given in the order of merging, come to, added to what is there."""
    clean = onto or Clean()
    for row in rows:
        clean.outcomes.append(_merge_row(clean, row, patients))
    return clean


def _merge_row(clean: Clean, row: RawRow, patients: Container[int]) -> Outcome:
    try:
        entity = read_row(row, patients)
    except BrokenContractError as broken:
        return Outcome(row.seq, row.stream, broken.entity_id, "rejected", broken.reason)
    first: Claim | Diagnosis
    if isinstance(entity, Claim):
        first = clean.claims.setdefault(entity.id, entity)
    else:
        first = clean.diagnoses.setdefault(entity.id, entity)
    return Outcome(row.seq, row.stream, entity.id, _fate(first, entity))


def _fate(first: Claim | Diagnosis, entity: Claim | Diagnosis) -> str:
    if first is entity:
        return "merged"
    return "duplicate" if first.content == entity.content else "conflict"


# Windows and their revenue.


def window_of(tsp: datetime, length: timedelta = WINDOW) -> datetime:
    """The start of the window that holds a moment: windows are counted from midnight UTC."""
    moment = tsp.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // length * length


def is_closed(window: datetime, now: datetime, length: timedelta = WINDOW) -> bool:
    """Whether a window has ended by now."""
    return window + length <= now


def revenue(clean: Clean, now: datetime, length: timedelta = WINDOW) -> Figures:
    """The figures of every closed window with a claim, for each tracked category."""
    windows = {window_of(claim.tsp, length) for claim in clean.claims.values()}
    return {
        (window, category): _figure(clean, window, category, length)
        for window in windows
        if is_closed(window, now, length)
        for category in TRACKED.values()
    }


def _figure(clean: Clean, window: datetime, category: str, length: timedelta) -> Figure:
    diagnosed = {
        diagnosis.patient_id
        for diagnosis in clean.diagnoses.values()
        if TRACKED.get(diagnosis.icd10_code) == category and diagnosis.tsp < window + length
    }
    claims = [
        claim
        for claim in clean.claims.values()
        if window_of(claim.tsp, length) == window and claim.patient_id in diagnosed
    ]
    return Figure(
        revenue=sum((claim.price for claim in claims), Decimal(0)),
        claims=len(claims),
        patients=len({claim.patient_id for claim in claims}),
    )


def dirtied_windows(before: Clean, after: Clean) -> set[datetime]:
    """The windows to be computed again because of what was merged since."""
    new_claims = [after.claims[id_] for id_ in after.claims.keys() - before.claims.keys()]
    new_diagnoses = [
        after.diagnoses[id_] for id_ in after.diagnoses.keys() - before.diagnoses.keys()
    ]
    later_windows = {
        window_of(claim.tsp)
        for diagnosis in new_diagnoses
        if diagnosis.icd10_code in TRACKED
        for claim in after.claims.values()
        if claim.patient_id == diagnosis.patient_id
        and window_of(claim.tsp) >= window_of(diagnosis.tsp)
    }
    return {window_of(claim.tsp) for claim in new_claims} | later_windows
