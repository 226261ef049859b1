"""Hypothesis strategies for what may arrive, and for the order in which it is worked on.

Payloads are put together as text, token by token, so that every spelling of a value can be had.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from model import DEEPEST_NESTING, LARGEST_PAYLOAD_BYTES, WINDOW

RECEIVED_AT: Final = datetime(2024, 2, 28, 23, 50, tzinfo=UTC)
BASE: Final = datetime(2024, 3, 1, tzinfo=UTC)
PATIENTS: Final = range(1, 1001)

Fields = dict[str, str]
FIELDS: Final[dict[str, Fields]] = {
    "claim": {"id": "7", "code": '"03230"', "price": "19.99", "patient_id": "3"},
    "diagnose": {"id": "7", "icd10_code": '"R41.3"', "patient_id": "3"},
}

streams = st.sampled_from(("claim", "diagnose"))


def object_text(fields: Fields) -> str:
    """A JSON object of keys and the tokens that stand for their values."""
    return "{" + ", ".join(f"{json.dumps(key)}: {token}" for key, token in fields.items()) + "}"


def changed(stream: str, **tokens: str) -> str:
    """A well-formed event with other tokens for some fields, or more fields."""
    return object_text({**FIELDS[stream], **tokens})


def without(stream: str, key: str) -> str:
    """A well-formed event that lacks a field."""
    return object_text({name: token for name, token in FIELDS[stream].items() if name != key})


# What is known to be awkward, with the reason it is rejected for; None where it is accepted.


@dataclass(frozen=True)
class Known:
    """A payload and what the contract says of it."""

    stream: str
    payload: bytes
    reason: str | None


def _known(reason: str | None, stream: str, *payloads: str) -> list[Known]:
    return [Known(stream, payload.encode(), reason) for payload in payloads]


def _nested(levels: int) -> str:
    """An event that nests so deep."""
    return changed("claim", more="[" * (levels - 1) + "]" * (levels - 1))


def _sized(size: int) -> str:
    """An event of so many bytes."""
    rest = len(changed("claim", more='""'))
    return changed("claim", more='"' + "x" * (size - rest) + '"')


def _of_tokens(reason: str | None, stream: str, key: str, *tokens: str) -> list[Known]:
    return _known(reason, stream, *(changed(stream, **{key: token}) for token in tokens))


def _of_several(reason: str, stream: str, **tokens: str) -> list[Known]:
    return _known(reason, stream, changed(stream, **tokens))


def _of_codes(reason: str | None, *codes: str) -> list[Known]:
    return _of_tokens(reason, "diagnose", "icd10_code", *(json.dumps(code) for code in codes))


def _of_times(reason: str | None, *times: str) -> list[Known]:
    return _of_tokens(reason, "diagnose", "tsp", *(json.dumps(time) for time in times))


KNOWN: Final[list[Known]] = [
    Known("claim", b"\xff\xfe", "not_json"),
    Known("claim", b'{"id": \xc3\x28}', "not_json"),
    Known("claim", b'{"id": 7\0}', "not_json"),
    Known("claim", b"\xff" * (LARGEST_PAYLOAD_BYTES + 1), "not_json"),
    *_known("not_json", "claim", "", " ", "nonsense", "{", '{"id": 7,}', "{'id': 7}", "{} {}"),
    *_known("not_json", "claim", '{"id": 07}', '{"id": 7.}', '{"id": +7}', '{"id": .7}'),
    *_known("not_json", "claim", '{"id": "\t"}', '{"id": "\\x41"}', "\ufeff{}", "\u00a0{}"),
    *_of_tokens("not_json", "claim", "price", "NaN", "Infinity", "-Infinity", "nan", "TRUE"),
    *_known("too_large", "claim", _sized(LARGEST_PAYLOAD_BYTES + 1)),
    *_known("too_large", "claim", "[" * (LARGEST_PAYLOAD_BYTES + 1)),
    *_known("too_large", "claim", "é" * (LARGEST_PAYLOAD_BYTES // 2 + 1)),
    *_known(None, "claim", _sized(LARGEST_PAYLOAD_BYTES)),
    *_known("too_deep", "claim", _nested(DEEPEST_NESTING + 1), _nested(7_000)),
    *_known("too_deep", "claim", "[" * 100_000, '{"a":' * (DEEPEST_NESTING + 1)),
    *_known("not_json", "claim", "[" * DEEPEST_NESTING),
    *_known(None, "claim", _nested(DEEPEST_NESTING)),
    *_of_tokens(None, "claim", "more", '"' + "[" * 2_000 + '"', "[" + "[], " * 2_000 + "[]]"),
    *_of_tokens(None, "claim", "more", '"\\"' + "[" * 2_000 + '"'),
    *_known("not_object", "claim", "[]", "7", '"x"', "null", "true", "[{}]", '["\\u0000"]'),
    *_known("not_object", "claim", "1e200000", '[{"a": 1, "a": 2}]'),
    *_of_tokens("unstorable", "claim", "more", '"\\u0000"', '"\\ud800"', '"\\ude00\\ud83d"'),
    *_of_tokens("unstorable", "claim", "more", '{"\\u0000": 1}', '[["\\ud83d"]]', "1e200000"),
    *_of_tokens("unstorable", "claim", "more", "1e131072", "1e-16384", "-1e99999999999"),
    *_of_tokens("unstorable", "claim", "id", "1e200000"),
    *_of_tokens(None, "claim", "more", "1e131071", "1e-16383", "0e200000", "9" * 5_000, "1e400"),
    *_of_tokens(None, "claim", "more", '"\\ud83d\\ude00"', '"\\\\u0000"', "{}", "null", "[[]]"),
    *_known("duplicate_key", "claim", '{"id": 7, "id": 7}', '{"id": 7, "\\u0069d": 7}'),
    *_of_tokens(None, "claim", "more", '[{"a": {"b": 1, "b": 1}}]', '{"id": 1, "id": 2}'),
    *_known("duplicate_key", "claim", changed("claim")[:-1] + ', "": {"a": 1, "a": 2}, "": 1}'),
    *_known("bad_id", "claim", "{}", without("claim", "id"), changed("claim").replace("id", "ID")),
    *_of_tokens("bad_id", "claim", "id", "1.0", "1e2", '"1"', "true", "null", "[1]", "-1", "7.5"),
    *_of_tokens("bad_id", "claim", "id", "9223372036854775808", "9" * 5_000, "1e0", "1E2", "-0.0"),
    *_of_tokens(None, "claim", "id", "9223372036854775807", "0", "-0", "1"),
    *_known(None, "claim", changed("claim").replace('"id"', '"\\u0069d"')),
    *_known(None, "claim", " \t\r\n" + changed("claim") + " \t\r\n"),
    *_known("bad_patient_id", "claim", without("claim", "patient_id")),
    *_of_tokens("bad_patient_id", "claim", "patient_id", "3.0", "3e0", '"3"', "false", "null"),
    *_of_tokens("bad_patient_id", "diagnose", "patient_id", "9223372036854775808"),
    *_of_tokens("bad_patient_id", "diagnose", "patient_id", "-9223372036854775809"),
    *_of_tokens("unknown_patient", "diagnose", "patient_id", "9223372036854775807", "1001", "-3"),
    *_of_tokens("unknown_patient", "claim", "patient_id", "-9223372036854775808", "0", "-0"),
    *_known("bad_code", "claim", without("claim", "code"), changed("claim", code='""')),
    *_of_tokens("bad_code", "claim", "code", "3230", "null", '"12345678901234567"', "{}", "[]"),
    *_of_tokens("bad_code", "claim", "code", '" "', '"\\n"', '"\\t\\r\u00a0\u3000\u200b\ufeff"'),
    *_of_tokens("bad_code", "claim", "code", '" 12345678901234567"', '"\\u000b\\u001c"'),
    *_of_tokens(None, "claim", "code", '"1234567890123456"', '"' + "😀" * 16 + '"', '"a b"'),
    *_of_tokens(None, "claim", "code", '"' + "\\ud83d\\ude00" * 16 + '"', '"e\u0301"'),
    *_of_tokens(None, "claim", "code", '" \u00a01234567890123456\\n"', '"99213 "', '"\u200d"'),
    *_known("bad_price", "claim", without("claim", "price"), changed("claim", price="null")),
    *_of_tokens("bad_price", "claim", "price", '"19.99"', "-0.01", "10000000000", "1e10", "0.001"),
    *_of_tokens("bad_price", "claim", "price", "9999999999.999", "1e131071", "1e-16383", "true"),
    *_of_tokens(None, "claim", "price", "9999999999.99", "3.100", "1e2", "0", "-0", "1e-2", "0e5"),
    *_of_tokens(None, "claim", "price", "310e-2", "0.10000000000000000000", "99999999999.9e-1"),
    *_known("bad_icd10_code", "diagnose", without("diagnose", "icd10_code")),
    *_of_tokens("bad_icd10_code", "diagnose", "icd10_code", "null", "41.3", '["R41.3"]'),
    *_of_codes("bad_icd10_code", "", " ", "R41.", "R41.12345", "R4", "R4C.3", "R41..3"),
    *_of_codes("bad_icd10_code", "R41.3\nR41.3", "É41", "R\u066141", "R41.-", "R41.3-", "RA1.3"),
    *_of_codes("bad_icd10_code", "Q00.ZZZZ", "Z99.ABCD", "C4A.ZZZ", "R41.3 X", "R 41.3"),
    *_of_codes(
        "bad_icd10_code", "R41.3+*", "R41.3 G V", "\u017f72.0", "\u013121", "+", "G", "R41.3\tG"
    ),
    *_of_codes(
        None, "R41", "C4A.0", "Z9B.0", "r41.3", " R41.3", "R41.3\n", "R413", "r413 ", "QA0.0101"
    ),
    *_of_codes(
        None, "S72.001A", "s72001a", "T07.XXXA", "C84.ZA", "F32.A", "F32A", "C81.0A", "R40.2A"
    ),
    *_of_codes(None, "R41.3G", "R413V", "R41.3 Z", "R41.3A", "R41.3GL", "R41.3 L G", "R41.3BV"),
    *_of_codes(None, "U07.1!", "E10.30+", "E10.30*", "E10.30\N{DAGGER}", "E10.30 + G", "e1030*vl"),
    *_of_codes(
        None, "R41.3GR+", "I64G", "I64 Z", "I64Z", "I64LG", "S02.11AB", "S72.001A G", "R41.3 "
    ),
    *_of_tokens(None, "diagnose", "icd10_code", '"\\u005241.3"'),
    *_of_tokens("bad_tsp", "diagnose", "tsp", "1709251200", "1709251200000", "[]", "true", '""'),
    *_of_tokens(None, "diagnose", "tsp", "null"),
    *_of_times("bad_tsp", "2024-02-28", "2024-02-28T10Z", "2024-02-28T10:00:00", "null"),
    *_of_times("bad_tsp", "2024-02-28T24:00:00Z", "2024-02-28T10:60:00Z", "2024-02-28T10:00:61Z"),
    *_of_times(
        "bad_tsp", "2024-02-28T10:00:60Z", "2024-02-27T23:59:60+01:00", " 2024-02-28T10:00Z"
    ),
    *_of_times("bad_tsp", "2024-02-28_10:00:00Z", "2024-02-28T10:00:00 Z", "20240228T100000Z"),
    *_of_times(
        "bad_tsp", "2024-02-28T10:00.5Z", "2024-02-28T10:00:00+1", "2024-02-28T10:00:00+1:00"
    ),
    *_of_times(None, "2024-02-28 10:00:00Z", "2024-02-28T10:00Z", "2024-02-28T10:00:00+0100"),
    *_of_times(None, "2024-02-28 10:00+01", "2024-02-28t10:00:00,5-0530", "2024-02-28T10:00:00,5z"),
    *_of_times(
        None, "2016-12-31T23:59:60Z", "2024-02-27T15:59:60.75-08:00", "2024-02-28T00:59:60+01"
    ),
    *_of_times("bad_tsp", "2024-02-30T10:00:00Z", "2023-02-29T10:00:00Z", "2024-13-01T10:00:00Z"),
    *_of_times("bad_tsp", "2024-02-28T10:00:00;5Z", "2024-02-28T10:00:00.Z"),
    *_of_times("bad_tsp", "2024-02-28T10:00:00+16:00", "2024-02-28T10:00:00+01:60"),
    *_of_times("bad_tsp", "2024-02-28T10:00:00Z\n", "now", "infinity", "-infinity", "epoch"),
    *_of_times("bad_tsp", "0000-06-01T10:00:00Z", "0001-01-01T00:30:00+01:00"),
    *_of_times("bad_tsp", "12024-02-28T10:00:00Z", "-2024-02-28T10:00:00Z", "2024-00-10T10:00:00Z"),
    *_of_times("bad_tsp", "2024-02-29T23:50:00.000001Z", "9999-12-31T23:59:59.9999999Z"),
    *_of_times("bad_tsp", "0000-12-31T23:59:59.9999999Z", "2024-02-29T23:50:00.0000019Z"),
    *_of_times("bad_tsp", "9999-12-31T23:59:59-15:59", "2024-02-29T23:59:60Z"),
    *_of_times("bad_tsp", "2024-02-28T10:00:00\u2212" + "01:00", "٢٠٢٤-02-28T10:00:00Z"),
    *_of_times(
        None, "2024-02-29T23:50:00Z", "2024-02-29T23:50:00.0000009Z", "0001-01-01T00:00:00Z"
    ),
    *_of_times(
        None, "2024-02-29T10:00:00+15:59", "2024-02-29T10:00:00-13:50", "1582-10-10T12:00:00Z"
    ),
    *_of_times(None, "2024-02-28t10:00:00z", "2024-02-28T10:00:00.123456789-00:00"),
    *_of_times(None, "2023-12-31T23:59:59.9999996Z", "1969-12-31T23:59:59.9Z"),
    *_of_times(
        None, "2024-02-28T10:00:00." + "9" * 1_000 + "Z", "2024-02-28T12:09:59.9999999+02:00"
    ),
    *_of_tokens(None, "diagnose", "tsp", '"2024-02-28T10:00:00\\u005a"'),
    # Each of these breaks later rules too: the first rule broken gives the reason.
    Known("claim", b'\xff{"a": 1, "a": NaN}', "not_json"),
    *_known("too_large", "claim", '{"a": NaN' + "[" * LARGEST_PAYLOAD_BYTES),
    *_known("too_deep", "claim", '{"a": NaN' + "[" * DEEPEST_NESTING),
    *_known("not_json", "claim", '{"a": 1, "a": NaN}', '["\\u0000"'),
    *_known("not_object", "claim", '["\\u0000", {"a": 1, "a": 2}]'),
    *_known("unstorable", "claim", '{"a": "\\u0000", "a": 1}'),
    *_known("duplicate_key", "claim", '{"id": null, "id": null}'),
    *_known("bad_id", "claim", '{"id": null, "patient_id": null, "code": 1, "tsp": 0}'),
    *_of_several("bad_patient_id", "claim", patient_id="null", code="1", price="-1", tsp="0"),
    *_of_several("bad_code", "claim", patient_id="-1", code="1", price="-1", tsp="0"),
    *_of_several("bad_price", "claim", patient_id="-1", price="-1", tsp="0"),
    *_of_several("bad_tsp", "claim", patient_id="-1", tsp="0"),
    *_of_several("bad_patient_id", "diagnose", patient_id="1.0", icd10_code="1", tsp="0"),
    *_of_several("bad_icd10_code", "diagnose", patient_id="-1", icd10_code="1", tsp="0"),
    *_of_several("bad_tsp", "diagnose", patient_id="-1", tsp="0"),
]


# Payloads of any kind.

ODD_NUMBERS = (
    "0",
    "-0",
    "1",
    "-1",
    "7",
    "1.0",
    "1e2",
    "1E2",
    "1e-2",
    "3.100",
    "0.001",
    "-0.01",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "9999999999.99",
    "9999999999.999",
    "10000000000",
    "1e10",
    "1e131071",
    "1e131072",
    "1e200000",
    "1e-16383",
    "1e-16384",
    "0e200000",
    "0.00",
    "310e-2",
)
_NO_NUMBERS = ("01", "1.", "NaN", "Infinity")
ODD_STRINGS = (
    '""',
    '"1"',
    '"3"',
    '"19.99"',
    '"\\u0000"',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\u0052\\u0034\\u0031"',
    '"R41.3"',
    '"R41.3\\n"',
    '"r41"',
    '"J44.9"',
    '"A0B"',
    '"[{"',
    '"\\""',
    '"\\\\"',
    '"é"',
    '"😀"',
    '"1234567890123456"',
    '"12345678901234567"',
    '"\\q"',
    '"\\u12"',
)
_NAMES = ("id", "patient_id", "code", "price", "icd10_code", "tsp", "more", "")

_integers = st.one_of(
    st.integers(0, 50), st.integers(-(2**64), 2**64), st.integers(2**63 - 3, 2**63 + 3)
).map(str)
_decimals = st.decimals(-10, 10_000_000_010, allow_nan=False, places=3).map(str)
_numbers = st.one_of(st.sampled_from(ODD_NUMBERS), _integers, _decimals)
_characters = st.text(st.characters(codec="utf-8"), max_size=20)
_strings = st.one_of(
    st.sampled_from(ODD_STRINGS),
    st.builds(json.dumps, _characters, ensure_ascii=st.booleans()),
)
_constants = st.sampled_from(("true", "false", "null"))
_spaces = st.sampled_from((*[""] * 20, *[" ", "\t\r\n "] * 10, "\f", "\u00a0"))


def _array_text(tokens: list[str]) -> str:
    return "[" + ",".join(tokens) + "]"


def _pairs_text(pairs: Sequence[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{key}:{token}" for key, token in pairs) + "}"


def _keys() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(_NAMES).map(json.dumps), _strings)


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, max_size=3).map(_array_text),
        st.lists(st.tuples(_keys(), inner), max_size=3).map(_pairs_text),
    )


_leaves = st.one_of(_numbers, _strings, _constants)
json_tokens = st.recursive(_leaves, _containers, max_leaves=6)


def _one_in(times: int) -> st.SearchStrategy[bool]:
    """True once in so many times."""
    return st.sampled_from((*[False] * (times - 1), True))


def _parts(*usual: str, odd: Sequence[str]) -> st.SearchStrategy[str]:
    return st.sampled_from((*usual * 12, *odd))


_years = _parts("2024", "2023", "1969", odd=("0000", "0001", "9999", "2025", "24", "12024"))
_months = _parts("01", "02", "12", odd=("00", "13", "2"))
_days = _parts("01", "28", "29", odd=("00", "30", "31", "32", "1"))
_hours = _parts("00", "10", "23", odd=("24", "9", "25"))
_minutes = _parts("00", "50", "59", odd=("60", "61", "5"))
_seconds = _parts(":00", ":50", ":59", odd=(":60", ":60", ":61", ":5", "", ""))
_fractions = st.one_of(
    st.just(""),
    st.text("0123456789", min_size=1, max_size=10).map(lambda digits: f".{digits}"),
    st.sampled_from((".", ",5", ".999999999", ".0000005", ".9999995")),
)
_offsets = _parts(
    "Z", "z", "+00:00", "-00:00", "+05:30", "-15:59", "+15:59", "+0530", "-08",
    odd=("", "+16:00", "-16:00", "+05:60", "+5:30", "+053", "+05:", " Z", "UTC", "Z\n"),
)  # fmt: skip
_separators = _parts("T", "t", " ", odd=("  ", "_", ""))
_built_times = st.builds(
    "{}-{}-{}{}{}:{}{}{}{}".format,
    *(_years, _months, _days, _separators, _hours, _minutes, _seconds, _fractions, _offsets),
)
_near_the_limit = st.builds(
    lambda microseconds: (RECEIVED_AT + timedelta(hours=24, microseconds=microseconds)).isoformat(),
    st.integers(-2, 2),
)
times = st.one_of(_built_times, _near_the_limit)

_bare_codes = st.one_of(
    st.sampled_from(
        ("R41.3", "J44.9", "R413", "j44", "C4A", "F32A", "S72.001A", "QA0.01", "R40.2")
    ),
    st.from_regex(r"[A-Z][0-9][0-9AB][.]?[0-9A-Z]{0,5}", fullmatch=True),
)
_marks = st.text("GVZARLBX+*!\N{DAGGER}  -", max_size=4)
_around = st.sampled_from(("", "", "", " ", "\u00a0", "\n", "\u200b", "\u180e"))
codes = st.builds("{}{}{}{}".format, _around, _bare_codes, st.one_of(st.just(""), _marks), _around)

_GOOD_TOKENS: dict[str, st.SearchStrategy[str]] = {
    "id": st.integers(0, 500).map(str),
    "patient_id": st.integers(1, 1000).map(str),
    "code": st.sampled_from(
        ('"03230"', '"1"', '"1234567890123456"', '"😀"', '" 03230\\t"', '"\u00a0"')
    ),
    "price": st.decimals(0, 9_999_999_999, allow_nan=False, places=2).map(str),
    "icd10_code": codes.map(json.dumps),
    "tsp": times.map(json.dumps),
    "more": json_tokens,
}


def _tokens(key: str) -> st.SearchStrategy[str]:
    odd = st.one_of(_numbers, _strings, json_tokens, st.sampled_from(_NO_NUMBERS))
    return _one_in(12).flatmap(lambda is_odd: odd if is_odd else _GOOD_TOKENS[key])


_EXTRA_KEYS: list[list[str]] = [[], ["tsp"], ["more"], ["tsp", "more"]]


@st.composite
def _objects(draw: st.DrawFn, stream: str) -> str:
    """An event of the stream, at most a few of its fields odd, missing, repeated or misspelt."""
    keys = [key for key in FIELDS[stream] if not draw(_one_in(50))]
    keys += draw(st.sampled_from((*_EXTRA_KEYS * 4, ["id"])))
    pairs = [(json.dumps(key), draw(_tokens(key))) for key in draw(st.permutations(keys))]
    text = _pairs_text(pairs)
    if draw(_one_in(10)):
        text = text.replace("d", "\\u0064").replace("tsp", "t\\u0073p")
    return draw(_spaces) + text + draw(_spaces)


def _cut(text: str, at: int) -> bytes:
    return text.encode()[: -at or None]


ODD_BYTES = (b"\0", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\\", b"\n", b'"', b"3 ")


@st.composite
def payloads(draw: st.DrawFn, stream: str) -> bytes:
    """What may arrive on the stream: mostly nearly well-formed, now and then anything."""
    kind = draw(st.sampled_from((*["object"] * 20, "bytes", "value", "cut", "replaced")))
    if kind == "bytes":
        return draw(st.binary(max_size=30))
    if kind == "value":
        return draw(json_tokens).encode()
    if kind == "cut":
        return _cut(draw(_objects(stream)), draw(st.integers(1, 5)))
    if kind == "replaced":
        return draw(_objects(stream)).encode().replace(b"3", draw(st.sampled_from(ODD_BYTES)))
    return draw(_objects(stream)).encode()


arrivals = streams.flatmap(lambda stream: st.tuples(st.just(stream), payloads(stream)))


# Events that meet again and again: few ids, few patients.


@dataclass(frozen=True)
class Append:
    """Arrivals of one stream, each appended by itself, in one transaction."""

    stream: str
    payloads: list[bytes]


@dataclass(frozen=True)
class Load:
    """Arrivals of one stream, loaded as lines."""

    stream: str
    payloads: list[bytes]


@dataclass(frozen=True)
class Hold:
    """Arrivals that another connection appends, in a transaction that it leaves open."""

    stream: str
    payloads: list[bytes]


@dataclass(frozen=True)
class LetGo:
    """That connection ends its transaction."""

    commits: bool


@dataclass(frozen=True)
class Merge:
    """A merge of what is pending."""

    batch_size: int
    sweep: bool


@dataclass(frozen=True)
class MoveCursor:
    """The merge's cursors pass what is pending, as after a restore into another cluster."""


@dataclass(frozen=True)
class Come:
    """A patient comes who was unknown."""

    patient: int


Step = Append | Load | Hold | LetGo | Merge | MoveCursor | Come

_FEW_TOKENS: dict[str, tuple[str, ...]] = {
    "id": (*"0112233445", "-0", '"1"'),
    "patient_id": (*"12222222", "1001", "1002"),
    "code": ('"a"', '"a"', '"\\u0061"', '"b"'),
    "price": ("3.1", "3.10", "310e-2", "3.2"),
    "icd10_code": ('"R41.3"', '"R41.3"', '"J44.9"', '"Z00"'),
}
_FEW_TIMES = ("2024-02-28T10:00:00Z", "2024-02-28T11:00:00+01:00", "2020-01-01T00:00:00Z")


@st.composite
def _meeting_events(draw: st.DrawFn, stream: str) -> bytes:
    tokens = {key: draw(st.sampled_from(_FEW_TOKENS[key])) for key in FIELDS[stream]}
    if draw(st.booleans()):
        tokens["tsp"] = json.dumps(draw(st.sampled_from(_FEW_TIMES)))
    return object_text(dict(draw(st.permutations(list(tokens.items()))))).encode()


def _arriving(kind: type[Append] | type[Load] | type[Hold]) -> st.SearchStrategy[Step]:
    return streams.flatmap(
        lambda stream: st.builds(
            kind, st.just(stream), st.lists(_meeting_events(stream), min_size=1, max_size=6)
        )
    )


_merges = st.builds(Merge, st.integers(1, 7), st.booleans())
_merge_steps: st.SearchStrategy[Step] = st.one_of(
    *(_arriving(Append), _arriving(Append), _arriving(Load)),
    *(_arriving(Hold), st.builds(LetGo, st.booleans())),
    *(_merges, _merges, _merges),
    st.builds(MoveCursor),
    st.builds(Come, st.sampled_from((1001, 1002))),
)
merge_histories = st.lists(_merge_steps, min_size=6, max_size=16)


# Claims and diagnoses over a few hours, and analytics between them.

WINDOWS: Final = 18
AFTER_EVERYTHING: Final = BASE + timedelta(days=1)


@dataclass(frozen=True)
class Arrive:
    """Events arrive and, where it says so, are merged."""

    events: list[tuple[str, bytes]]
    is_merged: bool


@dataclass(frozen=True)
class Compute:
    """A run computes, so much later than the one before, with or without bounds."""

    later: timedelta
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True)
class Publish:
    """One of the runs that are open publishes all its windows."""

    which: int


@dataclass(frozen=True)
class GiveUp:
    """One of the runs that are open publishes nothing: it was blocked, and says so, or it died."""

    which: int
    is_blocked: bool


AnalyticsStep = Arrive | Compute | Publish | GiveUp

_moments = st.builds(
    lambda window, seconds, microseconds: (
        BASE + window * WINDOW + timedelta(seconds=seconds, microseconds=microseconds)
    ),
    st.integers(0, WINDOWS - 1),
    st.sampled_from((0, 0, 1, 300, 599)),
    st.sampled_from((0, 0, 1, 999_999)),
)


@st.composite
def office_events(draw: st.DrawFn) -> tuple[str, bytes]:
    """A well-formed event with its own time; ids, patients and codes are few."""
    stream = draw(streams)
    tokens = {
        "id": str(draw(st.integers(0, 80))),
        "patient_id": str(draw(st.integers(1, 3))),
        "tsp": json.dumps(draw(_moments).isoformat()),
    }
    if stream == "claim":
        tokens |= {"code": '"x"', "price": str(draw(st.integers(0, 9_999)) / 100)}
    else:
        tokens |= {"icd10_code": draw(st.sampled_from(('"R41.3"', '"J44.9"', '"Z00"')))}
    return stream, object_text(tokens).encode()


_bounds = st.one_of(st.none(), st.none(), _moments)
_which = st.integers(0, 3)
_arrivals: st.SearchStrategy[AnalyticsStep] = st.builds(
    Arrive, st.lists(office_events(), min_size=2, max_size=8), st.booleans()
)
_computes = st.builds(Compute, st.timedeltas(timedelta(), timedelta(minutes=70)), _bounds, _bounds)
_analytics_steps: st.SearchStrategy[AnalyticsStep] = st.one_of(
    *[_arrivals] * 4,
    *(_computes, _computes),
    *(st.builds(Publish, _which), st.builds(Publish, _which)),
    st.builds(GiveUp, _which, st.booleans()),
)
analytics_histories = st.lists(_analytics_steps, min_size=10, max_size=25)
