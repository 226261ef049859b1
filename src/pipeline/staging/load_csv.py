"""Makes JSON objects of the rows of a CSV file whose first line has the contract's names.

A CSV file has no objects of its own: what is staged is the object that is made of a row. A field
that the contract knows as a number becomes a number if it is written as one in JSON; everything
else becomes a string. An empty field is left out. A row whose fields can't be matched with the
header is staged as it is, and the contract rejects it.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from pipeline.core.streams import STREAMS
from pipeline.staging.load_errors import UnreadableError
from pipeline.staging.load_lines import BYTES_PER_TRANSACTION, in_portions

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS: Final = (",", ";", "\t")
# A header has at least as many of the contract's names.
FEWEST_NAMES: Final = 2
LONGEST_HEADER: Final = 64 * 1024
# Where a line or a field is longer, a quote is missing somewhere before it.
LONGEST_FIELD: Final = 1024 * 1024

_COLUMNS: Final = [column for stream in STREAMS.values() for column in stream.columns]
NUMBERS: Final = frozenset({"id", "office"}).union(c.name for c in _COLUMNS if c.type != "text")
NAMES: Final = NUMBERS.union({"tsp"}, (c.name for c in _COLUMNS))

JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?")
NUMBER_WITH_COMMA: Final = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:,([0-9]+))?")


@dataclass(frozen=True)
class Header:
    """The first line of a CSV file."""

    delimiter: str
    names: tuple[str, ...]
    """The names of the columns; those of the contract are in lower case."""


def header_of(line: str) -> Header | None:
    """The header that a line holds; None if too few of its names are the contract's."""
    if len(line) > LONGEST_HEADER:
        return None
    headers = [_header(line, delimiter) for delimiter in DELIMITERS]
    best = max(headers, key=_known_names)
    return best if _known_names(best) >= FEWEST_NAMES else None


def read_rows(
    file: BinaryIO,
    header: Header,
    *,
    has_decimal_comma: bool = False,
    portion_bytes: int = BYTES_PER_TRANSACTION,
) -> Iterator[list[bytes]]:
    """The objects made of the rows, in portions. Rows of empty fields are left out.

    Args:
        file: the CSV file in UTF-8.
        header: its first line.
        has_decimal_comma: numbers are written like 3,50 and have no points.
        portion_bytes: the size of a portion, approximately.

    Raises:
        UnreadableError: a name stands twice in the header, or a quote isn't closed.
    """
    twice = [name for name in header.names if name and header.names.count(name) > 1]
    if twice:
        raise UnreadableError("has a name twice in its header: rename one of the two columns")
    csv.field_size_limit(LONGEST_FIELD)
    objects = _objects(file, header, has_decimal_comma=has_decimal_comma)
    return in_portions(objects, portion_bytes)


def _header(line: str, delimiter: str) -> Header:
    return Header(delimiter, _names(next(_reader(line.splitlines(), delimiter), [])))


def _names(row: list[str]) -> tuple[str, ...]:
    stripped = [name.strip() for name in row]
    return tuple(name.lower() if name.lower() in NAMES else name for name in stripped)


def _reader(lines: Iterable[str], delimiter: str, *, strict: bool = False) -> "Reader":
    # A space between a delimiter and a quote would make the quote a part of the field.
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)


def _known_names(header: Header) -> int:
    return len(NAMES.intersection(header.names))


def _objects(file: BinaryIO, header: Header, *, has_decimal_comma: bool) -> Iterator[bytes]:
    raw_lines: list[str] = []
    rows = _reader(_lines(file, raw_lines), header.delimiter, strict=True)
    is_behind_header = False
    try:
        for row in rows:
            raw = "".join(raw_lines)
            raw_lines.clear()
            if not is_behind_header:
                is_behind_header = _names(row) == header.names
            elif any(row):
                row_object = _object(header, row, has_decimal_comma=has_decimal_comma)
                yield (row_object or raw.rstrip("\r\n")).encode("utf-8", "surrogateescape")
    except csv.Error:
        raise UnreadableError(
            f"is not CSV at line {rows.line_num}: look for a quote that is missing there or before"
        ) from None


def _lines(file: BinaryIO, taken: list[str]) -> Iterator[str]:
    """The lines of a file, with their ends; each is added to those taken."""
    # Bytes that are no UTF-8 pass through, so that the row has them as they are.
    text = _Text(file, "utf-8", errors="surrogateescape", newline="")
    while line := text.readline(LONGEST_FIELD):
        if len(line) == LONGEST_FIELD:
            raise csv.Error
        taken.append(line)
        yield line


class _Text(io.TextIOWrapper):
    """The text of a file that stays open when the text is no longer needed: others ask it, too."""

    def close(self) -> None:
        """Leaves the file open."""


def _object(header: Header, row: list[str], *, has_decimal_comma: bool) -> str | None:
    """The object made of a row; None if it has more or fewer fields than the header."""
    if len(row) < len(header.names) or any(row[len(header.names) :]):
        return None
    fields = (
        f"{_text(name)}: {_value(name, field, has_decimal_comma=has_decimal_comma)}"
        for name, field in zip(header.names, row, strict=False)
        if name and field
    )
    return "{" + ", ".join(fields) + "}"


def _value(name: str, field: str, *, has_decimal_comma: bool) -> str:
    if name not in NUMBERS:
        return _text(field)
    number = field.strip()
    if has_decimal_comma:
        found = NUMBER_WITH_COMMA.fullmatch(number)
        return ".".join(filter(None, found.groups())) if found else _text(field)
    return number if JSON_NUMBER.fullmatch(number) else _text(field)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
