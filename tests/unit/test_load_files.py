"""Files as people have them: what `load` reads out of each, from a file and from a pipe."""

import gzip
import io
import os
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest

from pipeline.staging import load_json, load_lines
from pipeline.staging.load_ahead import read_ahead
from pipeline.staging.load_csv import read_rows
from pipeline.staging.load_errors import UnreadableError
from pipeline.staging.load_formats import Form, format_of, read_payloads
from pipeline.staging.load_json import read_values
from pipeline.staging.load_lines import BYTES_PER_TRANSACTION, Lines, Payloads, read_lines
from pipeline.staging.load_look import looks_like
from pipeline.staging.load_open import Source, file_source, members_of, pipe_source, saying_why

ONE, TWO, THREE = b'{"id": 1}', b'{"id": 2, "a": {"b": [1, {}]}}', b'{"id":3,"a":"\\"}, {\\\\"}'
LINES = ONE + b"\n" + TWO + b"\n" + THREE + b"\n"
OBJECTS = [ONE, TWO, THREE]
SKIPPED_FRAME = b"\x50\x2a\x4d\x18\x04\0\0\0more"


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def encrypted(content: bytes) -> bytes:
    """A zip file that says of its only member that it is encrypted."""
    file = bytearray(packed({"a": content}))
    file[6] |= 1
    file[file.index(b"PK\x01\x02") + 8] |= 1
    return bytes(file)


def zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


Opened = Callable[[bytes, Path, ExitStack], Source]


def as_file(content: bytes, folder: Path, stack: ExitStack) -> Source:
    file = folder / "events"
    file.write_bytes(content)
    return file_source(file, stack)


def as_pipe(content: bytes, _: Path, stack: ExitStack) -> Source:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(content)

    threading.Thread(target=write, daemon=True).start()
    return pipe_source("events", stack.enter_context(os.fdopen(reading, "rb")), stack)


def payloads_in(source: Source, *, again: bool) -> list[bytes]:
    with saying_why(), source.open(again) as file:
        return [
            payload
            for member in members_of("events", file)
            for portion in read_payloads(member.text, has_decimal_comma=False)[1]
            for payload in portion
        ]


# --- compression, encoding, line ends ---


FILES = {
    "lines": (LINES, OBJECTS),
    "no end": (LINES[:-1], OBJECTS),
    "CRLF": (LINES.replace(b"\n", b"\r\n"), OBJECTS),
    "CR": (LINES.replace(b"\n", b"\r"), OBJECTS),
    "blank lines": (LINES.replace(b"\n", b"\n\n\r\n"), OBJECTS),
    "byte order mark": (b"\xef\xbb\xbf" + LINES, OBJECTS),
    "UTF-16": (LINES.decode().encode("utf-16"), OBJECTS),
    "UTF-16, big end first": (b"\xfe\xff" + LINES.decode().encode("utf-16-be"), OBJECTS),
    "UTF-16 without a mark": (LINES.decode().encode("utf-16-le"), OBJECTS),
    "UTF-16 without a mark, big end first": (LINES.decode().encode("utf-16-be"), OBJECTS),
    "UTF-32": (LINES.decode().encode("utf-32"), OBJECTS),
    "half a pair in UTF-16": (
        '{"a": "\ud800"}\n{"id": 1}'.encode("utf-16-le", "surrogatepass"),
        [b'{"a": "\xed\xa0\x80"}', ONE],
    ),
    "bytes that are no text": (b'{"a": "\xff"}\n' + LINES, [b'{"a": "\xff"}', *OBJECTS]),
    "gzip": (gzip.compress(LINES), OBJECTS),
    "gzip, joined": (gzip.compress(LINES) + gzip.compress(b"{}\n"), [*OBJECTS, b"{}"]),
    "gzip of UTF-16": (gzip.compress(LINES.decode().encode("utf-16")), OBJECTS),
    "zstd": (zstd(LINES), OBJECTS),
    "zstd, joined": (zstd(LINES) + zstd(b"{}\n"), [*OBJECTS, b"{}"]),
    "zstd with a frame to skip": (SKIPPED_FRAME + zstd(LINES), OBJECTS),
    "zip": (packed({"a": LINES}), OBJECTS),
    "zip, stored": (packed({"a": LINES}, zipfile.ZIP_STORED), OBJECTS),
    "zip of several": (packed({"b": LINES, "x/": b"", "x/a": b"[{}]"}), [*OBJECTS, b"{}"]),
    "zip of gzip": (packed({"a.gz": gzip.compress(LINES)}), OBJECTS),
    "zip of a Mac": (packed({"a": LINES, "__MACOSX/._a": b"x", ".DS_Store": b"x"}), OBJECTS),
    "array": (b"[" + b",".join(OBJECTS) + b"]", OBJECTS),
    "array in lines": (b"[\r\n" + b",\r\n".join(OBJECTS) + b"\r\n]\r\n", OBJECTS),
    "pretty": (b'{\n  "id": 1\n}\n[\n {\r\n }\n]', [b'{\n  "id": 1\n}', b"{\r\n }"]),
    "one after the other": (b"".join(OBJECTS), OBJECTS),
    "separated by commas": (b",\n".join(OBJECTS) + b",\n", OBJECTS),
    "JSON text sequence": (b"".join(b"\x1e" + each + b"\n" for each in OBJECTS), OBJECTS),
    "arrays, one a line": (b"[" + ONE + b"]\n[" + TWO + b"," + THREE + b"]\n", OBJECTS),
    "files joined, each with a mark": ((b"\xef\xbb\xbf" + LINES) * 2, OBJECTS * 2),
    "bad lines": (b'{"id": 1\n' + LINES + b"oops\n", [b'{"id": 1', *OBJECTS, b"oops"]),
    "nothing": (b"", []),
    "nothing but a mark": (b"\xef\xbb\xbf", []),
    "nothing but lines": (b"\n\r\n\n", []),
    "an empty array": (b"[ ]", []),
}


@pytest.mark.parametrize("opened", [as_file, as_pipe])
@pytest.mark.parametrize("name", FILES)
def test_payloads_are_read_as_they_are(name: str, opened: Opened, tmp_path: Path) -> None:
    content, payloads = FILES[name]
    with ExitStack() as stack:
        source = opened(content, tmp_path, stack)
        assert payloads_in(source, again=True) == payloads
        assert payloads_in(source, again=False) == payloads


DAMAGED = {
    "gzip, cut off": (gzip.compress(LINES)[:-9], "is damaged or cut off"),
    "gzip, with more behind it": (gzip.compress(LINES) + b"more", "is damaged or cut off"),
    "zstd, cut off": (zstd(LINES)[:-2], "is damaged or cut off"),
    "zstd, with more behind it": (zstd(LINES) + b"more", "is damaged or cut off"),
    "zip, cut off": (packed({"a": LINES})[:-9], "is damaged or cut off"),
    "zip, changed": (
        packed({"a": LINES}, zipfile.ZIP_STORED).replace(ONE, b'{"id": 9}'),
        "is damaged or cut off",
    ),
    "UTF-16, cut off": (LINES.decode().encode("utf-16")[:-1], "is damaged or cut off"),
    "zip, encrypted": (encrypted(LINES), "is encrypted"),
    "zip of nothing": (packed({}), "without a file"),
    "zip of what is hidden": (packed({".hidden": LINES}), "without a file"),
    "Excel": (packed({"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "is an Excel file"),
}


@pytest.mark.parametrize("opened", [as_file, as_pipe])
@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_unpacked_is_told(name: str, opened: Opened, tmp_path: Path) -> None:
    content, told = DAMAGED[name]
    with ExitStack() as stack:
        source = opened(content, tmp_path, stack)
        with pytest.raises(UnreadableError, match=told):
            payloads_in(source, again=True)


# --- where the objects of a JSON text end ---


class Dripping(io.BytesIO):
    """A file of which a few bytes come at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._size if size is None or size < 0 else min(size, self._size))


def values_in(content: bytes, size: int) -> tuple[list[bytes], str]:
    """The values, and what ended the reading before the end."""
    values: list[bytes] = []
    try:
        for portion in read_values(Dripping(content, size)):
            values += portion
    except UnreadableError as error:
        return values, str(error)
    return values, ""


@pytest.mark.parametrize("size", [1, 2, 7, 100])
@pytest.mark.parametrize(
    ("content", "values"),
    [
        # Whether an object is JSON is for the contract, as long as its end is beyond doubt.
        (b'[{"a": NaN}, {"a": 1,}, {}]', [b'{"a": NaN}', b'{"a": 1,}', b"{}"]),
        (b'[{"a": "one\ntwo\tthree"}, {}]', [b'{"a": "one\ntwo\tthree"}', b"{}"]),
        (b'[{"a": "\xff"}, {}]', [b'{"a": "\xff"}', b"{}"]),
        (b'[{"a": 007, "a": tru}, {},]', [b'{"a": 007, "a": tru}', b"{}"]),
        (b'[1, "{", null, -1.5e+7, [{}, []]]', [b"1", b'"{"', b"null", b"-1.5e+7", b"[{}, []]"]),
        (b'{"a"\n:"\\\\"}\xef\xbb\xbf{"\\"}":1}', [b'{"a"\n:"\\\\"}', b'{"\\"}":1}']),
    ],
)
def test_each_value_is_found(content: bytes, values: list[bytes], size: int) -> None:
    assert values_in(content, size) == (values, "")


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("content", "found", "told"),
    [
        (b'[{"a": "x}, {"b": 1}]', 0, "line 1, column 15, after 0 objects"),  # a quote is missing
        (b'[{},\n{"a": {"b": 1}, {"a": 1}]', 1, "line 2, column 17, after 1 object:"),  # a brace
        (b'[{"a": [1, "b": 2}, {}]', 0, "column 15"),  # a bracket
        (b"[{}}, {}]", 1, "column 4, after 1 object:"),  # a brace too many
        (b'[{"a": 1 "b": 2}]', 0, "column 10"),  # a comma
        (b"[{} {}]", 1, "column 5"),
        (b"[{'a': 1}]", 0, "column 3"),
        (b'[{"a": 1 /* one */}]', 0, "column 10"),
        (b"[{}] more", 1, "column 6"),
        (b'[{}, {"a": "b', 1, "ends too early, after 1 object:"),
        (b"[{}, {}", 2, "ends too early, after 2 objects:"),
        (b'{"a": {}', 0, "ends too early, after 0 objects:"),
    ],
)
def test_reading_ends_where_the_next_object_is_in_doubt(
    content: bytes, found: int, told: str, size: int
) -> None:
    values, ended = values_in(content, size)
    assert len(values) == found
    assert told in ended


@pytest.mark.parametrize("module", [load_json, load_lines])
def test_a_payload_that_memory_does_not_hold_ends_the_reading(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAYLOAD_BYTES", 1024 * 1024)
    read = read_values if module is load_json else read_lines
    content = b'{}\n{"a": "' + b"x" * 2 * BYTES_PER_TRANSACTION + b'"}'
    portions: Iterator[Payloads] = read(io.BytesIO(content))
    assert list(next(portions)) == [b"{}"]
    with pytest.raises(UnreadableError, match="of more than 1 MiB"):
        next(portions)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\r\n\r\nb\r\n\n\nc", [b"a", b"b", b"c"]),
        (b"\n\na\n\n\n\nb\n\n", [b"a", b"b"]),
        (b"a\rb\n\r\nc\r", [b"a\rb", b"c"]),
        (b"\r\n\n", []),
    ],
)
def test_line_ends_and_empty_lines_are_left_out(content: bytes, lines: list[bytes]) -> None:
    portions = list(read_lines(io.BytesIO(content)))
    assert [line for portion in portions for line in portion] == lines
    assert sum(map(len, portions)) == len(lines)


@pytest.mark.parametrize("size", [0, 1, 3, 100])
def test_lines_are_cut_into_pieces_in_their_order(size: int) -> None:
    lines = Lines(b"a\nbcd\ne\nfghi")
    pieces = list(lines.cut(size))
    assert [line for piece in pieces for line in piece] == list(lines)
    assert all(len(piece.block) >= size for piece in pieces[:-1])


def test_brackets_without_end_end_the_reading() -> None:
    portions = read_values(io.BytesIO(b"[{}," + b"[" * 1024 * 1024))
    assert next(portions) == [b"{}"]
    with pytest.raises(UnreadableError, match="nested more than 100,000 deep, after 1 object"):
        next(portions)


def test_a_long_array_is_read_in_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "array.json"
    element = b'{"id": 1, "text": "' + b"x" * 10_000 + b'"},\n'
    with file.open("wb") as array:
        array.write(b"[")
        array.writelines(element for _ in range(5_000))
        array.write(b"{}]")
    tracemalloc.start()
    try:
        with file.open("rb") as array:
            assert sum(len(portion) for portion in read_values(array)) == 5_001
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < file.stat().st_size / 2


# --- read ahead ---


def test_one_portion_is_read_ahead() -> None:
    begun: list[int] = []
    reached = threading.Event()

    def portions() -> Generator[int, None, None]:
        for number in range(4):
            begun.append(number)
            if number == 2:
                reached.set()
            yield number

    with closing(read_ahead(portions())) as read:
        assert next(read) == 0
        assert next(read) == 1
        assert reached.wait(10)
        assert begun == [0, 1, 2]
        assert list(read) == [2, 3]


def test_an_error_of_reading_comes_behind_what_was_read_before() -> None:
    def portions() -> Generator[int, None, None]:
        yield 1
        raise UnreadableError

    read = read_ahead(portions())
    assert next(read) == 1
    with pytest.raises(UnreadableError):
        next(read)


def test_reading_ends_where_nobody_takes_more() -> None:
    ended = threading.Event()

    def portions() -> Generator[int, None, None]:
        try:
            yield from range(10)
        finally:
            ended.set()

    with closing(read_ahead(portions())) as read:
        next(read)
    assert ended.is_set()


# --- how a file is written ---


@pytest.mark.parametrize(
    ("head", "form"),
    [
        (LINES, Form.LINES),
        (b'{"id": 1', Form.VALUES),
        (b'{"id": 1\n' + LINES, Form.LINES),
        (b"[]\n" + LINES, Form.LINES),
        (b"{'id': 1}\n{'id': 2}\n", Form.LINES),
        (b'{"a": [\n  {"b": 1}\n  ]\n}\n', Form.VALUES),
        (b'{"id": 1}{"id": 2}\n', Form.VALUES),
        (b" \n[{}]", Form.VALUES),
        (b"oops\n" + LINES, Form.LINES),
        (b'\n"Patient_ID"\t"ID"\t\n', Form.ROWS),
        (b"sep=;\r\nid;code\r\n", Form.ROWS),
        (b"id,name\n", Form.LINES),
        (b'{"columns": ["id", "patient_id", "code"]}', Form.LINES),
        (b"", Form.LINES),
    ],
)
def test_the_form_is_told_by_the_start(head: bytes, form: Form) -> None:
    assert format_of(head, is_whole=True).form == form


def test_half_a_line_at_the_end_of_the_start_tells_nothing() -> None:
    assert format_of(ONE + b"\n{", is_whole=False).form == Form.LINES
    assert format_of(ONE + b"\n{", is_whole=True).form == Form.VALUES


# --- CSV ---


def rows_in(text: str | bytes, *, has_decimal_comma: bool = False) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    header = format_of(content, is_whole=True).header
    assert header is not None
    rows = read_rows(io.BytesIO(content), header, has_decimal_comma=has_decimal_comma)
    return [row.decode("utf-8", "surrogateescape") for portion in rows for row in portion]


CLAIM = '{"id": 1, "patient_id": 67, "code": "03230", "price": 3.50}'


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("id,patient_id,code,price\n1,67,03230,3.50\n", [CLAIM]),
        ("id;patient_id;code;price\r\n1;67;03230;3.50\r\n", [CLAIM]),
        ("id\tpatient_id\tcode\tprice\r1\t67\t03230\t3.50", [CLAIM]),
        ('"ID", "Patient_Id",Code,PRICE\n"1", 67 ,"03230",3.50\n\n,,,\n', [CLAIM]),
        ("id,code,price,\n1,A,2,\n1,A,2,,\n", ['{"id": 1, "code": "A", "price": 2}'] * 2),
        ('id,code,note\n1,A,"a ""b"",\nö"\n', [r'{"id": 1, "code": "A", "note": "a \"b\",\nö"}']),
        # What isn't a number as JSON writes it stays a string, for the contract to reject.
        ("id,price\n007,x\n1.0,1e2\n,NaN\n", [
            '{"id": "007", "price": "x"}', '{"id": 1.0, "price": 1e2}', '{"price": "NaN"}'
        ]),
        ("id;price\n1;3,50\n", ['{"id": 1, "price": "3,50"}']),
        # A row that doesn't match the header is left as it is.
        ("id,price\n1,3,50\n1\n2,3\n", ["1,3,50", "1", '{"id": 2, "price": 3}']),
        ("sep=;\nid;price\n1;3\n", ['{"id": 1, "price": 3}']),
        ("id,price\n", []),
    ],
)  # fmt: skip
def test_a_row_becomes_an_object(text: str, rows: list[str]) -> None:
    assert rows_in(text) == rows


def test_a_decimal_comma_is_read_where_it_is_asked_for() -> None:
    text = "id;price;code\n1;3,50;A\n2;-4;A\n3;1.234,50;A\n4;5.5;1,5\n"
    assert rows_in(text, has_decimal_comma=True) == [
        '{"id": 1, "price": 3.50, "code": "A"}',
        '{"id": 2, "price": -4, "code": "A"}',
        '{"id": 3, "price": "1.234,50", "code": "A"}',
        '{"id": 4, "price": "5.5", "code": "1,5"}',
    ]


def test_bytes_that_are_no_text_pass_through() -> None:
    [row] = rows_in(b"id,code\n1,\xfc\n")
    assert row.encode("utf-8", "surrogateescape") == b'{"id": 1, "code": "\xfc"}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('id,code\n1,"A\n2,B\n', "is not CSV at line 3"),
        ('id,code\n1,"A"B\n', "is not CSV at line 2"),
        ("id,code\n1," + "x" * 1024 * 1024, "is not CSV at line"),
        ("id,code,ID\n1,A,2\n", "has a name twice in its header"),
    ],
)
def test_a_table_that_cannot_be_read_is_told(text: str, told: str) -> None:
    with pytest.raises(UnreadableError, match=told):
        rows_in(text)


# --- what isn't text ---


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"%PDF-1.7", "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel or Word file"),
        (b"PAR1", "a Parquet file"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>', "XML or HTML"),
        (b"\n<!DOCTYPE html>", "XML or HTML"),
        (b"\x1f\x8b\x08", "gzip inside"),
        (b"x" * 257 + b"ustar", "a tar archive"),
    ],
)
def test_a_file_that_is_no_text_is_told_by_its_start(start: bytes, kind: str) -> None:
    assert (looks_like(start) or "").startswith(kind)


@pytest.mark.parametrize("start", [b"", LINES, b"id,code\n", b"oops"])
def test_a_text_is_not_taken_for_another_file(start: bytes) -> None:
    assert looks_like(start) is None
