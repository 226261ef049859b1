"""Poison: what a stream should never carry, class by class, with what has to become of it.

A class is a name, the reason it is rejected for (None: it is merged like any other event), and its
payloads. It goes beyond KNOWN of generators.py, which holds the contract's edges.
"""

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from generators import FIELDS, changed, object_text, without
from model import DEEPEST_NESTING, LARGEST_PAYLOAD_BYTES


@dataclass(frozen=True)
class Poison:
    """A class of payloads that meet the same fate."""

    name: str
    reason: str | None
    stream: str
    payloads: list[bytes]


def _claims(name: str, reason: str | None, *payloads: str | bytes) -> Poison:
    return Poison(name, reason, "claim", [_encoded(payload) for payload in payloads])


def _diagnoses(name: str, reason: str | None, *payloads: str | bytes) -> Poison:
    return Poison(name, reason, "diagnose", [_encoded(payload) for payload in payloads])


def _encoded(payload: str | bytes) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload


def _with(key: str, tokens: Iterable[str]) -> list[str]:
    """Claims whose field is one of the tokens, as written."""
    return [changed("claim", **{key: token}) for token in tokens]


def _times(*times: str) -> list[str]:
    return [changed("diagnose", tsp=json.dumps(time)) for time in times]


def _codes(*codes: str) -> list[str]:
    return [changed("diagnose", icd10_code=json.dumps(code)) for code in codes]


def _strings(*texts: str) -> list[str]:
    """Claims that carry a text, unescaped, beside the contract's fields."""
    return _strings_of("more", *texts)


def _strings_of(key: str, *texts: str) -> list[str]:
    return _with(key, (json.dumps(text, ensure_ascii=False) for text in texts))


def _bytes_in_string(*inside: bytes) -> list[bytes]:
    before, after = changed("claim", more='"@"').encode().split(b"@")
    return [before + each + after for each in inside]


def _nested(opening: str, closing: str, levels: int) -> str:
    """A claim that nests so deep: its own brackets are the first level."""
    inner = levels - 1
    return changed("claim", more=opening * inner + closing * inner)


def _arrays(levels: int) -> str:
    return _nested("[", "]", levels)


def _objects(levels: int) -> str:
    inner = levels - 1
    return changed("claim", more='{"a":' * inner + "0" + "}" * inner)


def _mixed(levels: int) -> str:
    """Arrays in objects in arrays; for an odd number of levels."""
    pairs = (levels - 1) // 2
    return changed("claim", more='[{"a":' * pairs + "0" + "}]" * pairs)


def _sized(size: int) -> str:
    rest = len(changed("claim", more='""'))
    return changed("claim", more='"' + "x" * (size - rest) + '"')


def _object_of(keys: int) -> str:
    more = {f"key{number}": "0" for number in range(keys)}
    return object_text({**FIELDS["claim"], **more})


_CLAIM: Final = changed("claim")
_DEEPEST: Final = DEEPEST_NESTING
_CHAIN: Final = "[" * (_DEEPEST - 2) + "]" * (_DEEPEST - 2)

_JSON_AND_POSTGRES: Final = [
    _claims("NUL escape in a value", "unstorable", *_with("more", ['"\\u0000"', '"a\\u0000b"'])),
    _claims("NUL escape in a contract field", "unstorable", *_with("code", ['"\\u0000"'])),
    _claims("NUL escape in a key", "unstorable", *_with("more", ['{"a\\u0000": 1}'])),
    _claims("NUL escape behind the id's key", "unstorable", _CLAIM.replace('"id"', '"id\\u0000"')),
    _claims("NUL escape that is escaped itself", None, *_with("more", ['"\\\\u0000"'])),
    _claims("raw NUL byte", "not_json", b"\0", _CLAIM.encode() + b"\0", *_bytes_in_string(b"\0")),
    _claims("lone high surrogate", "unstorable", *_with("more", ['"\\ud83d"', '"\\uD800 x"'])),
    _claims("lone low surrogate", "unstorable", *_with("more", ['"\\ude00"', '"\\uDFFF"'])),
    _claims("reversed surrogates", "unstorable", *_with("more", ['"\\ude00\\ud83d"'])),
    _claims("doubled high surrogate", "unstorable", *_with("more", ['"\\ud83d\\ud83d\\ude00"'])),
    _claims("lone surrogate in a key", "unstorable", *_with("more", ['{"\\ud83d": 1}'])),
    _claims("pair of surrogates", None, *_with("more", ['"\\ud83d\\ude00"'])),
    _claims("NaN and Infinity", "not_json", *_with("price", ["NaN", "Infinity", "-Infinity"])),
    _claims("NaN in another field", "not_json", *_with("more", ["NaN", "[Infinity]"])),
    _claims("1e400 in another field", None, *_with("more", ["1e400", "-1e400", "1e-400"])),
    _claims("1e400 as price", "bad_price", *_with("price", ["1e400", "1e-400"])),
    _claims("1e400 as id", "bad_id", *_with("id", ["1e400"])),
    _claims("1e200000", "unstorable", *_with("more", ["1e200000", "-1e200000", "1e-200000"])),
    _claims("1e200000 as price", "unstorable", *_with("price", ["1e200000"])),
    _claims(
        "exponent that overflows", "unstorable", *_with("more", ["1e99999999999", "1e-9999999999"])
    ),
    _claims("5,000-digit integer in another field", None, *_with("more", ["9" * 5_000])),
    _claims("5,000-digit id", "bad_id", *_with("id", ["9" * 5_000])),
    _claims("5,000-digit price", "bad_price", *_with("price", ["9" * 5_000])),
    _claims("5,000-digit patient", "bad_patient_id", *_with("patient_id", ["9" * 5_000])),
    _claims(
        "200,000-digit integer", "unstorable", *_with("more", ["9" * 200_000, "-" + "9" * 200_000])
    ),
    _claims("200,000 decimals", "unstorable", *_with("more", ["0." + "1" * 200_000])),
]

_NESTING: Final = [
    _claims("deepest arrays", None, _arrays(_DEEPEST - 1), _arrays(_DEEPEST)),
    _claims("deepest objects", None, _objects(_DEEPEST - 1), _objects(_DEEPEST)),
    _claims("deepest mix", None, _mixed(_DEEPEST - 1)),
    _claims("arrays too deep", "too_deep", *map(_arrays, (_DEEPEST + 1, 7_000, 100_000))),
    _claims("objects too deep", "too_deep", *map(_objects, (_DEEPEST + 1, 7_000, 100_000))),
    _claims("mix too deep", "too_deep", *map(_mixed, (_DEEPEST + 1, 7_001, 100_001))),
    _claims("arrays too deep and never closed", "too_deep", "[" * 7_000, "[" * 100_000),
    _claims("arrays never closed", "not_json", "[" * _DEEPEST),
    _claims("closing brackets alone", "not_json", "]" * 100_000, "}" * 7_000),
    _claims("brackets in a string", None, *_strings("[" * 100_000, "{" * 7_000, "]" * 1_001)),
    _claims(
        "brackets behind an escaped quote", None, *_with("more", ['"\\"' + "[{" * 7_000 + '"'])
    ),
    _claims("brackets in a key", None, *_with("more", ['{"' + "[" * 7_000 + '": 0}'])),
    _claims("brackets in a string never closed", "too_deep", '{"id": "' + "[" * 7_000),
    _claims(
        "brackets by the hundred thousand", None, *_with("more", ["[" + "[]," * 300_000 + "0]"])
    ),
    _claims("chains just deep enough", None, *_with("more", ["[" + (_CHAIN + ",") * 200 + "0]"])),
    _claims(
        "escapes by the hundred thousand", None, *_with("more", ['"' + "\\u0041" * 170_000 + '"'])
    ),
    _claims(
        "keys by the ten thousand", None, *_with("more", ["[" + '{"a":1,"a":2},' * 70_000 + "0]"])
    ),
    _claims("brackets side by side", None, *_with("more", ["[" + "[], " * 7_000 + "{}]"])),
]

_KEYS: Final = [
    _claims("key twice", "duplicate_key", '{"id": 7, ' + _CLAIM[1:], _CLAIM[:-1] + ', "price": 1}'),
    _claims("key twice, the same value", "duplicate_key", _CLAIM[:-1] + ', "id": 7}'),
    _claims(
        "key twice, nested",
        None,
        *_with("more", ['{"a": 1, "a": 1}', '[[{"b": {"a": 1, "a": 2}}]]']),
    ),
    _claims(
        "an own key twice, and a nested one",
        "duplicate_key",
        '{"more": {"a": 1, "a": 2}, "id": 7, ' + _CLAIM[1:],
    ),
    _claims("key twice, once escaped", "duplicate_key", _CLAIM[:-1] + ', "\\u0069d": 8}'),
    _claims("empty key twice", "duplicate_key", _CLAIM[:-1] + ', "": 1, "": 2}'),
    _claims("keys that differ in case", None, _CLAIM[:-1] + ', "ID": 8, "Price": null}'),
    _claims(
        "keys that look alike",
        None,
        *_with("more", ['{"é": 1, "e\u0301": 2}', '{"\u0430": 1, "a": 2}']),
    ),
    _claims("escaped key", None, _CLAIM.replace('"id"', '"\\u0069\\u0064"')),
    _claims("huge key", None, *_with("more", ['{"' + "k" * 500_000 + '": 0}'])),
    _claims("10,000 keys", None, _object_of(10_000)),
    _claims(
        "keys of other languages' insides",
        None,
        *_with("more", ['{"__proto__": {"id": 8}, "$ref": "#", "": 0}']),
    ),
    _claims(
        "id's key misspelt",
        "bad_id",
        *(
            _CLAIM.replace('"id"', key)
            for key in ('"Id"', '" id"', '"id "', '"\ufeffid"', '"\u0456\u0064"')
        ),
    ),
    _claims(
        "event in an envelope",
        "bad_id",
        object_text({"data": _CLAIM}),
        object_text({"id": "null", "payload": _CLAIM}),
    ),
]

_SIZES: Final = [
    _claims("1 MiB", None, _sized(LARGEST_PAYLOAD_BYTES - 1), _sized(LARGEST_PAYLOAD_BYTES)),
    _claims("1 MiB and a byte", "too_large", _sized(LARGEST_PAYLOAD_BYTES + 1)),
    _claims("1 MiB in characters, more in bytes", "too_large", *_strings("é" * 600_000)),
    _claims("1 MiB and a byte of no text", "not_json", b"\xff" * (LARGEST_PAYLOAD_BYTES + 1)),
    _claims("1 MiB and a byte of nonsense", "too_large", " " * (LARGEST_PAYLOAD_BYTES + 1)),
]

_ENCODINGS: Final = [
    _claims("bytes of no text", "not_json", b"\xff", b"\xfe\xff", b"\x80", bytes(range(256))),
    _claims("stray continuation byte", "not_json", *_bytes_in_string(b"\x80", b"\xbf", b"a\x80")),
    _claims(
        "overlong UTF-8",
        "not_json",
        *_bytes_in_string(
            b"\xc0\x80", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf"
        ),
    ),
    _claims(
        "truncated UTF-8", "not_json", *_bytes_in_string(b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98")
    ),
    _claims(
        "surrogates in UTF-8",
        "not_json",
        *_bytes_in_string(b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80"),
    ),
    _claims(
        "beyond Unicode", "not_json", *_bytes_in_string(b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf")
    ),
    _claims(
        "UTF-8 of 5 and 6 bytes",
        "not_json",
        *_bytes_in_string(b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"),
    ),
    _claims(
        "bytes that UTF-8 never has",
        "not_json",
        *_bytes_in_string(b"\xfe", b"\xff", b"\xc0", b"\xf5"),
    ),
    _claims("Latin-1", "not_json", *_bytes_in_string("Café".encode("latin-1"), b"\xa0")),
    _claims("Windows-1252", "not_json", *_bytes_in_string(b"\x93quoted\x94")),
    _claims("UTF-8 with a byte order mark", "not_json", b"\xef\xbb\xbf" + _CLAIM.encode()),
    _claims(
        "UTF-16",
        "not_json",
        *(_CLAIM.encode(name) for name in ("utf-16", "utf-16-le", "utf-16-be")),
    ),
    _claims("UTF-32", "not_json", _CLAIM.encode("utf-32")),
    _claims("UTF-7", "not_json", "+AHsAIgBpAGQAIg-: 7}"),
    _claims("compressed", "not_json", gzip.compress(_CLAIM.encode(), mtime=0)),
    _claims("ends within a character", "not_json", _CLAIM.encode() + b"\xf0\x9f"),
]

_SPACES: Final = [
    _claims("empty", "not_json", b""),
    _claims("white space only", "not_json", " ", "\t", " \t \t ", "\n", "\r\n\r\n"),
    _claims(
        "white space of JSON around and between",
        None,
        "\t \r\n" + _CLAIM.replace(", ", " \r\n\t, ") + "\n\r\t ",
    ),
    _claims(
        "Unicode spaces around",
        "not_json",
        *(space + _CLAIM for space in "\u00a0\u1680\u2003\u3000\u200b\ufeff\u0085\u2028\u2029\v\f"),
    ),
    _claims(
        "Unicode spaces between",
        "not_json",
        *(_CLAIM.replace(": ", f":{space}", 1) for space in "\u00a0\u2003\u200b\ufeff\v\f"),
    ),
    _claims(
        "line ends within a string", "not_json", *_bytes_in_string(b"a\nb", b"a\rb", b"a\r\nb")
    ),
    _claims(
        "control characters within a string",
        "not_json",
        *_bytes_in_string(b"\t", b"\x01", b"\x1b[31m", b"\x1f", b"\x08"),
    ),
    _claims(
        "escaped control characters", None, *_with("more", ['"\\n\\r\\t\\b\\f\\u0001\\u001b"'])
    ),
    _claims(
        "line and paragraph separators within a string",
        None,
        *_strings("a\u2028b", "a\u2029b", "a\u0085b", "a\x7fb"),
    ),
    _claims("carriage return at the end", None, _CLAIM + "\r"),
    _claims("CRLF between the fields", None, _CLAIM.replace(", ", ",\r\n")),
]

_COPY: Final = [
    _claims("COPY's NULL", "not_json", "\\N", "\\N\t\\N"),
    _claims("COPY's end of data", "not_json", "\\.", "\\.\\."),
    _claims(
        "COPY's specials in a string",
        None,
        *_with("more", ['"\\\\N \\\\. \\\\x41 \\\\t"', '"\\\\"', '"\\\\\\\\"']),
    ),
    _claims(
        "COPY's specials unescaped",
        "not_json",
        *_with("more", ['"\\N"', '"\\."', '"\\x41"', '"\\v"', '"\\101"']),
    ),
    _claims("backslashes at the end", "not_json", _CLAIM + "\\", _CLAIM + "\\\\", "\\", "\\\\"),
    _claims("tabs between the fields", None, _CLAIM.replace(", ", "\t,\t")),
    _claims("tab and columns", "not_json", f"claim\t{_CLAIM}\t\\N", f"{_CLAIM}\tclaim"),
    _claims("bytea's own spelling", "not_json", "\\x7b7d", "\\\\x00"),
]

_SYNTAX: Final = [
    _claims("trailing garbage", "not_json", _CLAIM + "x", _CLAIM + "]", _CLAIM + ";", _CLAIM + '"'),
    _claims(
        "two documents", "not_json", _CLAIM + _CLAIM, _CLAIM + "\n" + _CLAIM, _CLAIM + "," + _CLAIM
    ),
    _claims("cut off", "not_json", *(_CLAIM[:-count] for count in (1, 2, 10, len(_CLAIM) - 1))),
    _claims(
        "comments",
        "not_json",
        _CLAIM + "// x",
        "/* x */" + _CLAIM,
        "# x\n" + _CLAIM,
        _CLAIM.replace(",", ",/**/", 1),
    ),
    _claims(
        "commas too many",
        "not_json",
        _CLAIM[:-1] + ",}",
        "{," + _CLAIM[1:],
        _CLAIM.replace(",", ",,", 1),
    ),
    _claims("single quotes", "not_json", _CLAIM.replace('"', "'"), "{'id': 7}"),
    _claims("typographic quotes", "not_json", _CLAIM.replace('"id"', "“id”")),
    _claims("keys without quotes", "not_json", _CLAIM.replace('"id"', "id"), "{id: 7}"),
    _claims(
        "another language's literals",
        "not_json",
        *_with(
            "more", ["None", "True", "undefined", "NULL", "0x1F", "1_000", "0b1", "1n", "\uff11"]
        ),
    ),
    _claims(
        "numbers that JSON has not",
        "not_json",
        *_with("price", ["01", "+1", ".5", "1.", "-", "1e", "1e+", "--1", "1,5", "1.2.3", "-01"]),
    ),
    _claims(
        "escapes that JSON has not",
        "not_json",
        *_with("more", ['"\\q"', '"\\u12"', '"\\u12G4"', '"\\U00000041"', '"\\\'"']),
    ),
    _claims(
        "another format",
        "not_json",
        "id,code\n7,03230",
        "<claim id='7'/>",
        "id: 7",
        "id=7&price=1",
        "```json\n{}\n```",
        "MSH|^~\\&|",
        'callback({"id": 7})',
        ")]}',\n{}",
    ),
    _claims(
        "scalar documents", "not_object", "7", '"x"', "null", "true", "false", "-0", '""', "1e400"
    ),
    _claims(
        "array documents", "not_object", "[]", f"[{_CLAIM}]", "[" * 100 + "]" * 100, '["\\u0000"]'
    ),
    _claims(
        "JSON in a JSON string", "not_object", json.dumps(_CLAIM), json.dumps(json.dumps(_CLAIM))
    ),
]

_FIELDS: Final = [
    _claims("empty object", "bad_id", "{}", "{ }"),
    *(
        _claims(f"no {key}", f"bad_{key}", without("claim", key), changed("claim", **{key: "null"}))
        for key in FIELDS["claim"]
    ),
    _diagnoses(
        "no icd10_code",
        "bad_icd10_code",
        without("diagnose", "icd10_code"),
        changed("diagnose", icd10_code="null"),
    ),
    _claims("id 0", None, *_with("id", ["0", "-0"])),
    _claims(
        "id with decimals or exponent",
        "bad_id",
        *_with("id", ["1.0", "1e0", "1E0", "10e-1", "-0.0", "0.5"]),
    ),
    _claims("id of another type", "bad_id", *_with("id", ['"7"', "true", "[]", "[7]", "{}", '""'])),
    _claims(
        "id at bigint's end", None, *_with("id", ["9223372036854775806", "9223372036854775807"])
    ),
    _claims(
        "id behind bigint's end",
        "bad_id",
        *_with("id", ["9223372036854775808", "18446744073709551616"]),
    ),
    _claims(
        "negative id",
        "bad_id",
        *_with("id", ["-1", "-9223372036854775808", "-9223372036854775809"]),
    ),
    _claims(
        "patient at bigint's ends",
        "unknown_patient",
        *_with("patient_id", ["9223372036854775807", "-9223372036854775808"]),
    ),
    _claims(
        "patient behind bigint's ends",
        "bad_patient_id",
        *_with("patient_id", ["9223372036854775808", "-9223372036854775809"]),
    ),
    _claims(
        "patient of another type",
        "bad_patient_id",
        *_with("patient_id", ['"3"', "3.0", "3e0", "true", "[3]", '{"id": 3}']),
    ),
    _claims(
        "patient nobody knows", "unknown_patient", *_with("patient_id", ["0", "-0", "-1", "1001"])
    ),
    _claims(
        "price with three decimals",
        "bad_price",
        *_with("price", ["0.001", "19.999", "1e-3", "9999999999.999"]),
    ),
    _claims(
        "price with zeros behind",
        None,
        *_with("price", ["0.10000000000000000000", "3.100", "310e-2", "1.00e1"]),
    ),
    _claims("price 0", None, *_with("price", ["0", "-0", "-0.00", "0e10", "0e-10"])),
    _claims("negative price", "bad_price", *_with("price", ["-0.01", "-1", "-1e10"])),
    _claims("price at its limit", None, *_with("price", ["9999999999.99", "999999999999e-2"])),
    _claims(
        "price beyond its limit",
        "bad_price",
        *_with("price", ["10000000000", "1e10", "9999999999.991"]),
    ),
    _claims(
        "price of another type",
        "bad_price",
        *_with("price", ['"NaN"', '"19.99"', '"1"', "true", "[1]", "{}"]),
    ),
    _claims(
        "code of another type", "bad_code", *_with("code", ["3230", "true", '["03230"]', "{}"])
    ),
    _claims("empty code", "bad_code", *_with("code", ['""'])),
    _claims(
        "code of 16 characters",
        None,
        *_strings_of("code", "x" * 16, "😀" * 16, "e\u0301" * 8, "👨‍👩‍👧‍👦" * 2),
    ),
    _claims(
        "code of 17 characters",
        "bad_code",
        *_strings_of("code", "x" * 17, "😀" * 17, "e\u0301" * 8 + "x", "👨‍👩‍👧‍👦" * 3),
    ),
    _claims(
        "code of white space", "bad_code", *_strings_of("code", " ", "\u00a0", "\u200b", " \u3000 ")
    ),
    _claims(
        "code of line ends and tabs", "bad_code", *_with("code", ['"\\n"', '"\\t\\r"', '"\\u000b"'])
    ),
    _claims(
        "code of a claim with white space around it",
        None,
        *_strings_of("code", "99213 ", "\u00a099213", "x" * 16 + " "),
    ),
]

_TIMES: Final = [
    _diagnoses(
        "time of another type",
        "bad_tsp",
        *(
            changed("diagnose", tsp=token)
            for token in ("1709251200", "1709251200000", "1.7e9", "true", "[]", "{}", '""')
        ),
    ),
    _diagnoses(
        "time without an offset",
        "bad_tsp",
        *_times("2024-02-28T10:00:00", "2024-02-28", "10:00:00Z", "2024-02"),
    ),
    _diagnoses(
        "time in another format",
        "bad_tsp",
        *_times(
            "20240228T100000Z",
            "2024-W09-3T10:00:00Z",
            "2024-059T10:00:00Z",
            "Wed, 28 Feb 2024 10:00:00 GMT",
            "28.02.2024 10:00",
            "2024-2-28T10:00:00Z",
            "2024-02-28T10Z",
            "2024-02-28T10:00.5Z",
            "2024-02-28T10:00:00 +0100",
            "2024-02-28T10:00:00 Europe/Berlin",
        ),
    ),
    _diagnoses(
        "day that is none",
        "bad_tsp",
        *_times(
            "2024-02-30T10:00:00Z",
            "2023-02-29T10:00:00Z",
            "2024-13-01T10:00:00Z",
            "2024-00-10T10:00:00Z",
            "2024-02-00T10:00:00Z",
        ),
    ),
    _diagnoses("leap day", None, *_times("2024-02-29T10:00:00Z", "2000-02-29T10:00:00Z")),
    _diagnoses(
        "hour, minute or second that is none",
        "bad_tsp",
        *_times(
            "2024-02-28T24:00:00Z",
            "2024-02-28T10:60:00Z",
            "2024-02-28T10:00:60Z",
            "2024-02-28T23:59:61Z",
            "2016-12-31T23:59:60-08:00",
        ),
    ),
    _diagnoses("no time", None, changed("diagnose", tsp="null")),
    _diagnoses(
        "time in another form of RFC 3339 or ISO 8601",
        None,
        *_times(
            "2024-02-28 10:00:00Z",
            "2024-02-28t10:00:00z",
            "2024-02-28T10:00Z",
            "2024-02-28T10:00:00,5Z",
            "2024-02-28T10:00:00+0100",
            "2024-02-28T10:00:00-08",
        ),
    ),
    _diagnoses(
        "leap second",
        None,
        *_times("2016-12-31T23:59:60Z", "2016-12-31T15:59:60.5-08:00", "2017-01-01T00:59:60+0100"),
    ),
    _diagnoses(
        "parts of a microsecond",
        None,
        *_times(
            "2024-02-28T12:09:59.9999999Z",
            "2024-02-27T23:59:59.9999999Z",
            "2024-02-28T12:09:59.9999999+02:00",
            "2024-02-29T23:50:00.0000009Z",
            "2024-02-28T10:00:00." + "9" * 100_000 + "Z",
        ),
    ),
    _diagnoses(
        "offset that is none",
        "bad_tsp",
        *_times(
            "2024-02-28T10:00:00+16:00", "2024-02-28T10:00:00+01:60", "2024-02-28T10:00:00+99:99"
        ),
    ),
    _diagnoses(
        "PostgreSQL's special times",
        "bad_tsp",
        *_times("now", "today", "infinity", "-infinity", "epoch", "allballs", "J2451187"),
    ),
    _diagnoses(
        "years out of range",
        "bad_tsp",
        *_times(
            "0000-01-01T00:00:00Z",
            "-0044-03-15T12:00:00Z",
            "12024-02-28T10:00:00Z",
            "294277-01-01T00:00:00Z",
            "0001-01-01T00:30:00+01:00",
            "2024-02-28T10:00:00Z BC",
        ),
    ),
    _diagnoses("a day ahead", None, *_times("2024-02-29T23:50:00Z", "2024-02-29T15:50:00-08:00")),
    _diagnoses(
        "more than a day ahead",
        "bad_tsp",
        *_times(
            "2024-02-29T23:50:00.000001Z",
            "2024-02-29T23:50:01Z",
            "2999-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ),
    ),
    _diagnoses(
        "long ago",
        None,
        *_times("0001-01-01T00:00:00Z", "1582-10-10T12:00:00Z", "1969-12-31T23:59:59.9Z"),
    ),
    _diagnoses(
        "time with something around it",
        "bad_tsp",
        *_times(
            " 2024-02-28T10:00:00Z",
            "2024-02-28T10:00:00Z ",
            "2024-02-28T10:00:00Z\n",
            "2024-02-28T10:00:00Z'",
        ),
    ),
    _diagnoses(
        "time in other digits",
        "bad_tsp",
        *_times(
            "\u0662\u0660\u0662\u0664-02-28T10:00:00Z",
            "2024\u201002-28T10:00:00Z",
            "2024-02-28T10:00:00\u221201:00",
        ),
    ),
]

_DIAGNOSIS_CODES: Final = [
    _diagnoses("code in small letters", None, *_codes("r41.3", "r41.3g", "s72.001a")),
    _diagnoses("code without its dot", None, *_codes("R413", "J449", "S72001A", "F32A")),
    _diagnoses(
        "code with a wrong dot", "bad_icd10_code", *_codes("R41-3", "R41,3", "R41.", ".3", "R4.13")
    ),
    _diagnoses("code too long", "bad_icd10_code", *_codes("R41.12345", "R41.3" + "X" * 100_000)),
    _diagnoses(
        "code that is none", "bad_icd10_code", *_codes("Q00.ZZZZ", "Z99.ABC", "amnesia", "R41.-")
    ),
    _diagnoses(
        "code with white space around it",
        None,
        *_codes(" R41.3", "R41.3 ", "R41.3\n", "\nR41.3", "\u00a0R41.3\u200b"),
    ),
    _diagnoses(
        "code with something around it",
        "bad_icd10_code",
        *_codes("R41.3\nJ44.9", "R41.3;J44.9", "R41.3, J44.9", "(R41.3)", "R41.3?"),
    ),
    _diagnoses(
        "certainty and side",
        None,
        *_codes("R41.3G", "R41.3 V", "R413Z", "R41.3A", "H25.1GL", "H25.1 R G"),
    ),
    _diagnoses(
        "marks of double coding",
        None,
        *_codes("U07.1!", "E10.30+", "E10.30*", "E10.30\N{DAGGER}", "E10.30+G"),
    ),
    _diagnoses(
        "letters of ICD-10-CM",
        None,
        *_codes("S72.001A", "F32.A", "C84.ZA", "C81.0A", "R40.2A", "T07.XXXA"),
    ),
    _diagnoses(
        "code that looks alike",
        "bad_icd10_code",
        *_codes("\u212641.3", "\uff3241.3", "R\u0664\u0661.3", "\u042041.3", "R41\u20243"),
    ),
    _diagnoses(
        "diagnosis code of another type",
        "bad_icd10_code",
        *(
            changed("diagnose", icd10_code=token)
            for token in ("41.3", '["R41.3"]', '{"code": "R41.3"}', "true")
        ),
    ),
]

_INJECTIONS: Final = [
    _claims(
        "format strings",
        None,
        *_strings(
            "%s",
            "%(seq)s",
            "%%",
            "%n%n%n",
            "{}",
            "{0.__class__}",
            "{payload}",
            "%(xid)s::bigint",
            "100 %",
        ),
    ),
    _claims("format strings as code", None, *_strings_of("code", "%s", "%(stream)s", "%", "{0}")),
    _claims(
        "SQL",
        None,
        *_strings(
            "'; DROP TABLE claim; --",
            "\\'; DROP TABLE claim; --",
            "$$; DROP TABLE claim; $$",
            "1 OR 1=1",
            "E'\\x00'",
            "/* */ --",
            "'||pg_sleep(10)||'",
            "\\copy claim to x",
        ),
    ),
    _claims(
        "SQL as code", None, *_strings_of("code", "'; DROP TABLE", "' OR ''='", "\\'; --", "$1")
    ),
    _claims("SQL as id", "bad_id", *_with("id", ['"1; DROP TABLE claim"', '"1\'"'])),
    _claims(
        "templates and lookups",
        None,
        *_strings(
            "{{7*7}}",
            "{% for x in y %}",
            "${jndi:ldap://x/a}",
            "<%= 7 %>",
            "#{7}",
            "<script>alert(1)</script>",
            "]]>",
            "=1+1",
            "$(reboot)",
            "`id`",
            "../../etc/passwd",
        ),
    ),
    _claims("escapes of a terminal", None, *_with("more", ['"\\u001b[2J\\u001b]0;x\\u0007"'])),
    _claims("an event within an event's string", None, *_strings(_CLAIM, json.dumps(_CLAIM))),
]

_TEXTS: Final = [
    _claims(
        "right to left", None, *_strings("שלום", "\u202etxt.exe\u202c", "\u2066a\u2069", "مرحبا")
    ),
    _claims(
        "joined and invisible characters",
        None,
        *_strings("👨‍👩‍👧‍👦", "a\u200bb", "a\u00adb", "\ufe0f", "\ufeff", "\U000e0041"),
    ),
    _claims("stacked accents", None, *_strings("e" + "\u0301" * 1_000)),
    _claims(
        "noncharacters and private use",
        None,
        *_strings("\uffff", "\ufffe", "\ufdd0", "\U0010ffff", "\ue000", "\ufffd"),
    ),
    _claims("letters whose case changes their length", None, *_strings("İıßﬃ", "\u1e9e")),
]

POISON: Final[list[Poison]] = [
    *_JSON_AND_POSTGRES,
    *_NESTING,
    *_KEYS,
    *_SIZES,
    *_ENCODINGS,
    *_SPACES,
    *_COPY,
    *_SYNTAX,
    *_FIELDS,
    *_TIMES,
    *_DIAGNOSIS_CODES,
    *_INJECTIONS,
    *_TEXTS,
]
