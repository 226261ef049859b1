"""Payloads without end, from a seed: valid events, repeats, conflicts, poison and mutations."""

import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random
from typing import Final

from faults.poison import POISON
from generators import (
    FIELDS,
    KNOWN,
    ODD_BYTES,
    ODD_NUMBERS,
    ODD_STRINGS,
    RECEIVED_AT,
    changed,
    object_text,
)

Payload = tuple[str, bytes]
Mutation = Callable[[Random, bytes], bytes]

LARGE_BYTES: Final = 4_096
REMEMBERED: Final = 500

_CORPUS: Final[list[Payload]] = [
    *((known.stream, known.payload) for known in KNOWN),
    *((poison.stream, payload) for poison in POISON for payload in poison.payloads),
]
_SMALL: Final = [payload for payload in _CORPUS if len(payload[1]) <= LARGE_BYTES]
_LARGE: Final = [payload for payload in _CORPUS if len(payload[1]) > LARGE_BYTES]

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+.\w]+|\s+|.', re.DOTALL)
_ODD_VALUES: Final = ("null", "true", "false", "[]", "{}", "[[]]", '{"id": 7}', "01", "NaN", "-")
_OFFSETS: Final = ("Z", "z", "+00:00", "-00:00", "+05:30", "-15:59", "+16:00", "+0100", "+01", "")
_ENCODINGS: Final = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp500", "utf-7")


def payloads(random: Random) -> Iterator[Payload]:
    """Generated payloads, the same for the same seed."""
    recent: deque[Payload] = deque(maxlen=REMEMBERED)
    while True:
        payload = _next(random, recent)
        recent.append(payload)
        yield payload


def _next(random: Random, recent: deque[Payload]) -> Payload:
    [kind] = random.choices(
        ["valid", "repeated", "of the corpus", "large", "mutated"], [300, 80, 80, 2, 540]
    )
    if kind == "repeated" and recent:
        return random.choice(recent)
    if kind == "of the corpus":
        return random.choice(_SMALL)
    if kind == "large":
        return random.choice(_LARGE) if random.random() < 0.5 else _dear(random)
    if kind == "mutated":
        return _mutated(random)
    return _valid(random)


# --- valid events ---


def _valid(random: Random) -> Payload:
    stream = random.choice(("claim", "diagnose"))
    tokens = {
        "id": _id(random),
        "patient_id": str(random.randint(1, 1000)),
        **(_claim(random) if stream == "claim" else _diagnosis(random)),
    }
    if random.random() < 0.4:
        tokens["tsp"] = json.dumps(_time(random))
    if random.random() < 0.1:
        tokens["more"] = random.choice(ODD_STRINGS[5:8])
    return stream, object_text(dict(random.sample(list(tokens.items()), len(tokens)))).encode()


def _dear(random: Random) -> Payload:
    """A claim that is filled with one thing, many times: what may be dear to judge."""
    key = random.choice(("more", "more", "more", "code", "price", "id"))
    token = random.choice(DEAR_SHAPES)(int(10 ** random.uniform(3, 5.8)))
    return "claim", changed("claim", **{key: token}).encode()


def _listed(item: str) -> Callable[[int], str]:
    return lambda size: "[" + ",".join([item] * (size // (len(item) + 1))) + "]"


def _quoted(item: str) -> Callable[[int], str]:
    return lambda size: '"' + item * (size // len(item)) + '"'


# Brackets, keys, escapes, digits, nesting just below the limit, one long string.
DEAR_SHAPES: Final[list[Callable[[int], str]]] = [
    *map(_listed, ("[]", "[[]]", "[" * 12 + "]" * 12, '[""]', '{"":{}}')),
    *map(_listed, ('{"a":1}', '{"a":1,"a":2}', '{"' + "k" * 50 + '":0}')),
    lambda size: "{" + ",".join(f'"k{number}":0' for number in range(size // 12)) + "}",
    lambda size: "{" + ",".join(['"k":0'] * (size // 6)) + "}",
    *map(_quoted, ("\\u0041", "\\\\", '\\"', "\\n")),
    *map(_listed, ("1", "1e9", "1e131071", "-0.1")),
    lambda size: "9" * size,
    *map(_listed, ("[" * 990 + "]" * 990, '{"":' * 990 + "0" + "}" * 990)),
    *map(_quoted, ("x", " ", "[{", "\u3000")),
]


def _id(random: Random) -> str:
    """Of a few, which come again with other content, or of many, which hardly ever do."""
    return str(random.choice((random.randrange(300), *[random.randrange(10**9)] * 3)))


def _claim(random: Random) -> dict[str, str]:
    cents = random.choice((random.randrange(100_000), random.randrange(10**12)))
    price = f"{cents // 100}.{cents % 100:02}"
    spellings = (price, price + "000", f"{cents}e-2", str(cents // 100))
    return {
        "code": json.dumps(random.choice(("03230", "99213", "99213 ", "é", "1234567890123456"))),
        "price": random.choice(spellings),
    }


def _diagnosis(random: Random) -> dict[str, str]:
    code = random.choice(("R41.3", "J44.9", "C4A", "R413", "j44.9", "S72.001A", "F32.A", "I64"))
    marks = "".join(random.choices(("", *"GVZARLB+*! "), (40, *[1] * 11), k=3))
    return {"icd10_code": json.dumps(code + marks)}


def _time(random: Random) -> str:
    ago = timedelta(seconds=random.randrange(-100_000, 300_000))
    shape = random.choice(("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"))
    text = f"{RECEIVED_AT - ago:{shape}}"
    fraction = random.choice(
        ("", "", ".5", ",123456", f".{random.randrange(10**9):09}", ".9999995")
    )
    return text + fraction + random.choice(("Z", "Z", random.choice(_OFFSETS)))


# --- mutations ---


def _mutated(random: Random) -> Payload:
    stream, payload = _valid(random) if random.random() < 0.7 else random.choice(_SMALL)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        payload = random.choice(MUTATIONS)(random, payload)
    return stream, payload


def _span(random: Random, payload: bytes) -> tuple[int, int]:
    start = random.randint(0, len(payload))
    return start, min(len(payload), start + random.choice((1, 1, 2, 3, 8, 40)))


def flip_a_bit(random: Random, payload: bytes) -> bytes:
    if not payload:
        return payload
    place = random.randrange(len(payload))
    flipped = payload[place] ^ (1 << random.randrange(8))
    return payload[:place] + bytes([flipped]) + payload[place + 1 :]


def set_a_byte(random: Random, payload: bytes) -> bytes:
    start, _ = _span(random, payload)
    return payload[:start] + bytes([random.randrange(256)]) + payload[start + 1 :]


def delete_a_span(random: Random, payload: bytes) -> bytes:
    start, end = _span(random, payload)
    return payload[:start] + payload[end:]


def repeat_a_span(random: Random, payload: bytes) -> bytes:
    start, end = _span(random, payload)
    return payload[:end] + payload[start:end] * random.choice((1, 2, 20)) + payload[end:]


def insert_odd_bytes(random: Random, payload: bytes) -> bytes:
    start, _ = _span(random, payload)
    odd = random.choice((*ODD_BYTES, b"\t", b"\r", b" ", b"\\N", b"\\.", b"[", b"}", b"\\u00"))
    return payload[:start] + odd + payload[start:]


def cut_off(random: Random, payload: bytes) -> bytes:
    return payload[: random.randint(0, len(payload))]


def splice(random: Random, payload: bytes) -> bytes:
    _, other = random.choice(_SMALL)
    return payload[: random.randint(0, len(payload))] + other[random.randint(0, len(other)) :]


def swap_tokens(random: Random, payload: bytes) -> bytes:
    tokens = _TOKEN.findall(payload)
    if tokens:
        first, second = random.randrange(len(tokens)), random.randrange(len(tokens))
        tokens[first], tokens[second] = tokens[second], tokens[first]
    return b"".join(tokens)


def replace_a_token(random: Random, payload: bytes) -> bytes:
    tokens = _TOKEN.findall(payload)
    if tokens:
        tokens[random.randrange(len(tokens))] = _odd_token(random).encode()
    return b"".join(tokens)


def replace_a_value(random: Random, payload: bytes) -> bytes:
    """Another value for one of the contract's fields."""
    key = random.choice([*FIELDS["claim"], *FIELDS["diagnose"], "tsp"]).encode()
    value = _odd_token(random).encode()
    return re.sub(rb'("%b"\s*:\s*)("[^"]*"|[^,}\s]*)' % key, lambda m: m[1] + value, payload)


def add_a_key(random: Random, payload: bytes) -> bytes:
    key = random.choice(("id", "price", "tsp", "more", "", "\\u0069d", "ID", "\\u0000"))
    return payload.replace(b"{", f'{{"{key}": {_odd_token(random)}, '.encode(), 1)


def nest(random: Random, payload: bytes) -> bytes:
    """Puts one token, or all, into brackets."""
    levels = random.choice((1, 1, 2, 10, 998, 999, 1000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}")))
    tokens = _TOKEN.findall(payload) or [b"0"]
    place = random.randrange(len(tokens))
    tokens[place] = opening * levels + tokens[place] + closing * levels
    return b"".join(tokens)


def escape_a_character(random: Random, payload: bytes) -> bytes:
    """Spells a letter or digit as JSON's strings may."""
    places = [match.start() for match in re.finditer(rb"[0-9A-Za-z]", payload)]
    if not places:
        return payload
    place = random.choice(places)
    return payload[:place] + rb"\u%04x" % payload[place] + payload[place + 1 :]


def encode_anew(random: Random, payload: bytes) -> bytes:
    return payload.decode("latin-1").encode(random.choice(_ENCODINGS), "replace")


def _odd_token(random: Random) -> str:
    return random.choice(
        (
            random.choice(ODD_NUMBERS),
            random.choice(ODD_STRINGS),
            random.choice(_ODD_VALUES),
            json.dumps(_time(random)),
            _number(random),
            json.dumps("".join(chr(random.randrange(0xD800)) for _ in range(random.randrange(20)))),
        )
    )


def _number(random: Random) -> str:
    whole = str(random.randrange(10 ** random.choice((1, 2, 10, 19, 20))))
    fraction = random.choice(("", "", f".{random.randrange(1000)}", ".0"))
    exponent = random.choice(("", "", f"e{random.randint(-20, 20)}", f"E+{random.randrange(9)}"))
    return random.choice(("", "", "-")) + whole + fraction + exponent


MUTATIONS: Final[list[Mutation]] = [
    flip_a_bit,
    set_a_byte,
    delete_a_span,
    repeat_a_span,
    insert_odd_bytes,
    cut_off,
    splice,
    swap_tokens,
    replace_a_token,
    *[replace_a_value] * 4,
    add_a_key,
    nest,
    escape_a_character,
    encode_anew,
]
