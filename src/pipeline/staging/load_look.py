"""Looks at the first payloads of a file, and says where they are not those of the stream."""

import codecs
import json
import re
from collections.abc import Sequence
from typing import Final

from pipeline.core.contract import REASONS
from pipeline.core.statements import Cursor, fetch_one
from pipeline.core.streams import STREAMS
from pipeline.staging.append import as_text_or_bytes
from pipeline.staging.load_csv import DELIMITERS, NUMBER_WITH_COMMA, NUMBERS
from pipeline.staging.load_formats import Form

# As many payloads are looked at, fewer if they are large.
PAYLOADS: Final = 100
BYTES: Final = 1024 * 1024

# What a file that isn't text begins with.
FIRST_BYTES: Final = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an Excel or Word file of the old kind (.xls, .doc)",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "gzip inside a compressed file: unpack it once",
    b"\x28\xb5\x2f\xfd": "zstd inside a compressed file: unpack it once",
    b"PK\x03\x04": "a zip file inside a compressed file: unpack it once",
    b"BZh": "bzip2: unpack it with bunzip2",
    b"\xfd7zXZ": "xz: unpack it with unxz",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"SQLite format 3": "an SQLite database",
    b"PGDMP": "a PostgreSQL dump",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"<": "XML or HTML",
}
TAR_MARK: Final = (b"ustar", 257)
PYTHON_OBJECT: Final = re.compile(rb"\[?\s*\{\s*'")


def sample_of(payloads: Sequence[bytes]) -> list[bytes]:
    """The payloads that are looked at: the first ones, and at least one."""
    sample: list[bytes] = []
    for payload in payloads[:PAYLOADS]:
        if sample and sum(map(len, sample)) + len(payload) > BYTES:
            break
        sample.append(payload)
    return sample


def looks_like(start: bytes) -> str | None:
    """What a file is that begins like this and isn't text; None if it may be text."""
    mark, at = TAR_MARK
    if start.startswith(mark, at):
        return "a tar archive: unpack it"
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if PYTHON_OBJECT.match(text):
        return "Python's repr(): write it with json.dumps()"
    kinds = (kind for first, kind in FIRST_BYTES.items() if text.startswith(first))
    return next(kinds, None)


def doubt_about(cursor: Cursor, stream: str, form: Form, sample: Sequence[bytes]) -> str | None:
    """Why the first payloads of a file should not be staged; None if they can be.

    The text goes on from the file's name, and holds nothing of the payloads.
    """
    if form == Form.ROWS and (doubt := _doubt_about_rows(sample)):
        return doubt
    return _doubt_about_contract(cursor, stream, form, sample)


def _doubt_about_rows(rows: Sequence[bytes]) -> str | None:
    """What is the matter with the first row of a CSV file that can't be taken as it is."""
    for number, row in enumerate(rows, start=1):
        text, _ = as_text_or_bytes(row)
        if text is None:
            return f"is not in UTF-8 (row {number}): save it as CSV (UTF-8)"
        if not text.startswith("{"):
            return f"has more or fewer fields in row {number} than in its header"
        if any(map(_is_number_with_comma, json.loads(text).items())):
            return f"has a number with a decimal comma in row {number}: say --decimal-comma"
    return None


def _is_number_with_comma(field: tuple[str, str]) -> bool:
    name, value = field
    return name in NUMBERS and "," in str(value) and bool(NUMBER_WITH_COMMA.fullmatch(value))


def _doubt_about_contract(
    cursor: Cursor, stream: str, form: Form, sample: Sequence[bytes]
) -> str | None:
    """Whether the payloads are those of another stream, or of none."""
    payloads = {"payloads": [as_text_or_bytes(payload)[0] for payload in sample]}
    seen = {name: fetch_one(cursor, "staging/look", payloads, stream=name) for name in STREAMS}
    best = max(seen, key=lambda name: (seen[name].kept, name == stream))
    if best != stream:
        return f"looks like {best}: say --stream {best}"
    if seen[stream].kept or not sample:
        return None
    if guess := _guess(sample):
        return guess
    reason = seen[stream].reason
    count = f"{len(sample)} {form}s" if len(sample) > 1 else form
    return f"breaks the contract of {stream} in its first {count} ({reason}: {REASONS[reason]})"


def _guess(sample: Sequence[bytes]) -> str | None:
    """What payloads that keep no contract look like; None if the contract says it better."""
    try:
        first = json.loads(sample[0])
    except (ValueError, RecursionError):
        if any(b"\0" in payload for payload in sample):
            return "is neither JSON nor another text"
        if any(_is_table(sample, delimiter) for delimiter in DELIMITERS):
            return "is not JSON: looks like CSV without the contract's names in its first line"
        return "is not JSON"
    if isinstance(first, str):
        return "looks like JSON inside JSON strings: take it out, for example with jq 'fromjson'"
    if isinstance(first, dict) and "id" not in first and any(map(_holds_object, first.values())):
        return "looks like events inside other objects: take them out, for example with jq"
    return None


def _holds_object(value: object) -> bool:
    within = value[0] if isinstance(value, list) and value else value
    return isinstance(within, dict)


def _is_table(lines: Sequence[bytes], delimiter: str) -> bool:
    """Whether each line has as many delimiters, and any."""
    counts = {line.count(delimiter.encode()) for line in lines}
    return len(lines) > 1 and len(counts) == 1 and counts != {0}
