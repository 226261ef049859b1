"""Tells how a file is written, by its start, and reads it: JSON Lines, other JSON, or CSV."""

import codecs
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pipeline.staging.load_csv import Header, header_of, read_rows
from pipeline.staging.load_json import read_values
from pipeline.staging.load_lines import (
    BYTES_PER_TRANSACTION,
    CarriageReturns,
    Lines,
    Payloads,
    read_lines,
)
from pipeline.staging.load_open import BUFFER_BYTES, look_ahead

HEAD_BYTES = 256 * 1024
# As many lines are looked at.
HEAD_LINES = 100
# White space, and the separator of RFC 7464.
BLANKS = b" \t\r\n\x1e"


class Form(StrEnum):
    """How a file is written; the name of one of its parts."""

    LINES = "line"
    VALUES = "object"
    ROWS = "row"


@dataclass(frozen=True)
class Format:
    """How a file is written."""

    form: Form
    header: Header | None = None
    """The first line of a CSV file."""
    ends_in_cr: bool = False
    """Whether its lines end in CR."""


def format_of(head: bytes, *, is_whole: bool) -> Format:
    """How a file is written that begins like this.

    Args:
        head: its first bytes.
        is_whole: they are all it has.
    """
    lines, ends_in_cr = _lines(head, is_whole=is_whole)
    if head.lstrip(BLANKS)[:1] not in (b"{", b"["):
        header = _header(lines)
        return Format(Form.ROWS if header else Form.LINES, header, ends_in_cr)
    objects = sum(_is_one_object(line) for line in lines[:HEAD_LINES])
    if objects * 2 <= len(lines[:HEAD_LINES]):
        return Format(Form.VALUES)
    return Format(Form.LINES, ends_in_cr=ends_in_cr)


def read_payloads(
    text: io.BufferedReader,
    *,
    has_decimal_comma: bool,
    portion_bytes: int = BYTES_PER_TRANSACTION,
) -> tuple[Form, Iterator[Payloads]]:
    """How a file is written, and the payloads in it, in portions.

    Args:
        text: the file in UTF-8.
        has_decimal_comma: numbers in CSV are written like 3,50.
        portion_bytes: the size of a portion, approximately.

    Raises:
        UnreadableError: it can't be read, or not any further.
    """
    head, text = look_ahead(text, HEAD_BYTES)
    found = format_of(head, is_whole=len(head) < HEAD_BYTES)
    if found.header:
        rows = read_rows(
            text,
            found.header,
            has_decimal_comma=has_decimal_comma,
            portion_bytes=portion_bytes,
        )
        return found.form, rows
    if found.form == Form.VALUES:
        return found.form, read_values(text, portion_bytes=portion_bytes)
    if found.ends_in_cr:
        text = io.BufferedReader(CarriageReturns(text), BUFFER_BYTES)
    return found.form, _without_marks(read_lines(text, portion_bytes=portion_bytes))


def _lines(head: bytes, *, is_whole: bool) -> tuple[list[bytes], bool]:
    """The lines that a file begins with, without blank ones; whether they end in CR alone."""
    ends_in_cr = b"\r" in head and b"\n" not in head
    lines = head.split(b"\r" if ends_in_cr else b"\n")
    if not is_whole and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line.strip(BLANKS)], ends_in_cr


def _header(lines: list[bytes]) -> Header | None:
    """The header of a CSV file, behind a line that is only for Excel; None if there is none."""
    behind = lines[1:] if lines and lines[0].lower().startswith(b"sep=") else lines
    return header_of(behind[0].decode("utf-8", "replace")) if behind else None


def _without_marks(portions: Iterator[Lines]) -> Iterator[Lines]:
    """Lines without the byte order marks that files have which were joined to one."""
    mark = codecs.BOM_UTF8
    for lines in portions:
        # Most files are ASCII alone, which has no marks: that is quickly found out.
        if lines.block.isascii():
            yield lines
        else:
            yield Lines(lines.block.removeprefix(mark).replace(b"\n" + mark, b"\n"))


def _is_one_object(line: bytes) -> bool:
    """Whether a line has the shape of one object, be it valid JSON or not."""
    line = line.strip()
    if not (line.startswith(b"{") and line.endswith(b"}")):
        return False
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return not error.msg.startswith("Extra data")
    except (ValueError, RecursionError):
        return True
    return True
