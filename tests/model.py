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
from decimal import Decimal
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
TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"(?:[Zz]|([+-])(0[0-9]|1[0-5])(?::?([0-5][0-9]))?)"
)
LEAP_SECOND: Final = 60

# What Python calls white space, and the spaces without width.
WHITE_SPACE: Final = "".join(filter(str.isspace, map(chr, range(0x10000)))) + "\u200b\u2060\ufeff"

# How a diagnosis code is written.
THREE_CHARACTERS = re.compile(r"([A-Z][0-9]|QA)[0-9AB]")
GERMAN_CODE = re.compile(r"[A-Z][0-9]{2}(\.?[0-9]{1,2})?")
SIGNS: Final = ("+", "*", "!", "\N{DAGGER}")
CERTAINTIES: Final = "GVZA"
SIDES: Final = "RLB"
# Where ICD-10-CM has codes of its own that end in A or B behind one or two digits.
WITH_A_OR_B: Final = (
    *("C81", "C82", "C83", "C84", "C85", "H01", "H02", "L03", "M05", "M06", "M08", "M35"),
    *("P04", "R40", "S02", "Y93", "Z36", "Z85", "Z86"),
)


@dataclass(frozen=True)
class Columns:
    """What the columns of the clean tables hold, where that is less than the contract allows."""

    highest_id: int = LARGEST_BIGINT
    longest_code: int = LONGEST_CODE
    longest_icd10_code: int = LONGEST_CODE
    price_limit: int = PRICE_LIMIT


WIDE: Final = Columns()


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


def read_row(row: RawRow, patients: Container[int], columns: Columns = WIDE) -> Claim | Diagnosis:
    """The clean row that a raw row says.

    Raises:
        BrokenContractError: the first rule that it breaks.
    """
    document = read_document(row.payload)
    entity_id = _read_id(document)
    try:
        entity = _read_entity(row, document, entity_id)
        _require_room(entity, columns)
        _require(entity.patient_id in patients, "unknown_patient")
    except BrokenContractError as broken:
        raise BrokenContractError(broken.reason, entity_id) from None
    return entity


def read_document(payload: bytes) -> dict[str, object]:
    """The fields of a payload that is one storable JSON object, whose own keys are unique.

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
    _require(len(set(document.keys)) == len(document.keys), "duplicate_key")
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


def _read_entity(row: RawRow, document: Mapping[str, object], entity_id: int) -> Claim | Diagnosis:
    patient_id = _read_integer(
        document.get("patient_id"), SMALLEST_BIGINT, LARGEST_BIGINT, "bad_patient_id"
    )
    if row.stream == "claim":
        code, price = _read_code(document.get("code")), _read_price(document.get("price"))
        return Claim(entity_id, code, price, patient_id, _read_time(document, row.received_at))
    icd10_code = _read_icd10_code(document.get("icd10_code"))
    return Diagnosis(entity_id, icd10_code, patient_id, _read_time(document, row.received_at))


def _require_room(entity: Claim | Diagnosis, columns: Columns) -> None:
    """Refuses what the contract allows and a column can't hold."""
    _require(entity.id <= columns.highest_id, "bad_id")
    if isinstance(entity, Claim):
        _require(len(entity.code) <= columns.longest_code, "bad_code")
        _require(entity.price < columns.price_limit, "bad_price")
    else:
        _require(len(entity.icd10_code) <= columns.longest_icd10_code, "bad_icd10_code")


def _read_code(value: object) -> str:
    if not isinstance(value, str):
        raise BrokenContractError("bad_code")
    code = value.strip(WHITE_SPACE)
    _require(1 <= len(code) <= LONGEST_CODE, "bad_code")
    return code


def _read_price(value: object) -> Decimal:
    if not isinstance(value, Number):
        raise BrokenContractError("bad_price")
    price = Decimal(value.text)
    _require(0 <= price < PRICE_LIMIT, "bad_price")
    cents = Fraction(price) * 100
    _require(cents.denominator == 1, "bad_price")
    return Decimal(cents.numerator) / 100


def _read_icd10_code(value: object) -> str:
    code = normal_form(value) if isinstance(value, str) else None
    if code is None:
        raise BrokenContractError("bad_icd10_code")
    return code


def normal_form(written: str) -> str | None:
    """A diagnosis code in upper case, with its dot, without German marks; None if it is none."""
    tidy = "".join(map(_upper, written.strip(WHITE_SPACE)))
    return _with_dot(_without_letters(_without_separated_marks(tidy)))


def _upper(character: str) -> str:
    return character.upper() if "a" <= character <= "z" else character


def _without_separated_marks(code: str) -> str:
    """Takes off what a sign or a space separates from the code: `+`, `* G`, ` VL`."""
    place = next((at for at, each in enumerate(code) if each in (" ", *SIGNS)), len(code))
    bare, marks = code[:place], code[place:].strip(" ")
    letters = (marks[1:] if marks[:1] in SIGNS else marks).replace(" ", "")
    is_marked = letters == "" or _are_letters(letters)
    return bare if is_marked and is_alphanumeric(bare) else code


def is_alphanumeric(text: str) -> bool:
    """Whether it is of ASCII's capital letters, digits and dots."""
    return text != "" and all(
        "A" <= each <= "Z" or "0" <= each <= "9" or each == "." for each in text
    )


def _without_letters(code: str) -> str:
    """Takes off the German letters that follow a German code directly."""
    for count in (1, 2):
        bare, letters = code[:-count], code[-count:]
        if not GERMAN_CODE.fullmatch(bare) or not _are_letters(letters):
            continue
        has_digits = len(bare) > len("R41")
        if has_digits and bare[:3] in WITH_A_OR_B and is_own_ending(letters):
            continue
        if has_digits or letters[0] in "GVRL":
            return bare
    return code


def is_own_ending(letters: str) -> bool:
    """Whether ICD-10-CM has codes that end so."""
    return letters in {"A", "B", "AB", "GB", "BA", "BG"}


def _are_letters(letters: str) -> bool:
    """Whether it is a certainty, a side, or one of each."""
    one = len(letters) == 1 and letters in CERTAINTIES + SIDES
    return one or letters in {
        pair for first in CERTAINTIES for side in SIDES for pair in (first + side, side + first)
    }


def _with_dot(code: str) -> str | None:
    """The code with its dot behind the third character; None where its form is none."""
    first, rest = code[:3], code[3:].removeprefix(".")
    if not THREE_CHARACTERS.fullmatch(first) or code == f"{first}.":
        return None
    if not rest:
        return first
    has_room = len(rest) <= 2 or (len(rest) <= 4 and any(each in "0123456789X" for each in rest))
    return f"{first}.{rest}" if has_room and is_alphanumeric(rest) and "." not in rest else None


def _read_time(document: Mapping[str, object], received_at: datetime) -> datetime:
    if document.get("tsp") is None:
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
    year, month, day, hour, minute, second = (int(part or 0) for part in clock)
    is_leap_second = second == LEAP_SECOND
    try:
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        moment = local + _microseconds(fraction) - (-offset if sign == "-" else offset)
    except (ValueError, OverflowError):
        raise BrokenContractError("bad_tsp") from None
    _require(second <= LEAP_SECOND, "bad_tsp")
    _require(not is_leap_second or (moment.hour, moment.minute) == (23, 59), "bad_tsp")
    return moment


def _microseconds(fraction: str | None) -> timedelta:
    """The first six decimals: what is shorter is cut off, as no event may move into the future."""
    return timedelta(microseconds=int((fraction or "")[:6].ljust(6, "0")))


# First wins.


def merge(
    rows: Iterable[RawRow],
    patients: Container[int],
    onto: Clean | None = None,
    columns: Columns = WIDE,
) -> Clean:
    """What the raw rows, given in the order of merging, come to, added to what is there."""
    clean = onto or Clean()
    for row in rows:
        clean.outcomes.append(_merge_row(clean, row, patients, columns))
    return clean


def _merge_row(clean: Clean, row: RawRow, patients: Container[int], columns: Columns) -> Outcome:
    try:
        entity = read_row(row, patients, columns)
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
