"""Before files are loaded, their first events are judged by the contract in the database."""

import gzip
import json
import os
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from faults.staged import read_staged
from integration.events import claim, diagnose
from pipeline.core.contract import REASONS
from pipeline.core.database import Database
from pipeline.staging.append import CUT_BYTES
from pipeline.staging.load import doubts, files_in, load
from pipeline.staging.load_errors import UnreadableError
from pipeline.staging.load_lines import BYTES_PER_TRANSACTION
from pipeline.staging.load_open import BUFFER_BYTES, file_source, pipe_source

BAD = b'{"id": -1}'


def doubt_about(
    database: Database, folder: Path, content: bytes, *, has_decimal_comma: bool = False
) -> str | None:
    """What is said about a file of claims, without its name."""
    file = folder / "events"
    file.write_bytes(content)
    with ExitStack() as stack:
        sources = [file_source(file, stack)]
        found = doubts(database, "claim", sources, has_decimal_comma=has_decimal_comma)
    assert all(doubt.startswith(f"{file} ") for doubt in found)
    return found[0].removeprefix(f"{file} ") if found else None


def lines(*payloads: bytes) -> bytes:
    return b"".join(payload + b"\n" for payload in payloads)


END_LINK = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = %(name)s AND datname = current_database()
    """
CSV = "id,patient_id,code,price\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        lines(claim(1)),
        lines(*[BAD] * 99, claim(1)),
        lines(claim(1), *[BAD] * 10_000),
        lines(claim(1), diagnose(1)),
        lines(
            b'{"id": 1, "patient_id": 4711, "code": "A", "price": 1}'
        ),  # a patient may come later
        b"[" + claim(1) + b"]",
        b"[]",
        (CSV + "1,67,A,3.50\n2,67,A,x\n").encode(),
        (CSV + "1,67,A,3.50\n" * 100 + '1,67,A,"3,50"\n').encode(),
        CSV.encode(),
    ],
)
def test_there_is_no_doubt(database: Database, tmp_path: Path, content: bytes) -> None:
    assert doubt_about(database, tmp_path, content) is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            lines(BAD),
            f"breaks the contract of claim in its first line (bad_id: {REASONS['bad_id']})",
        ),
        (
            lines(*[BAD] * 100, claim(1)),
            f"breaks the contract of claim in its first 100 lines (bad_id: {REASONS['bad_id']})",
        ),
        (b"[3, {}, {}]", "breaks the contract of claim in its first 3 objects (bad_id: "),
        (CSV.replace(",code", "").encode() + b"1,67,A\n", "in its first row (bad_code: "),
        (lines(diagnose(1)), "looks like diagnose: say --stream diagnose"),
        (lines(claim(1), diagnose(1), diagnose(2)), "looks like diagnose: say --stream diagnose"),
        (b"id;patient_id;icd10_code\n1;67;R41.3\n", "looks like diagnose: say --stream diagnose"),
        (b"%PDF-1.7\n" + claim(1), "is not JSON: looks like a PDF"),
        (b"Dear office,\nherewith\n", "is not JSON"),
        (b"{'id': 1, 'price': None}\n", "is not JSON: looks like Python's repr()"),
        (b"[{'id': 1, 'price': None}]\n", "is not JSON: looks like Python's repr()"),
        (b"nr;patient\n1;67\n", "is not JSON: looks like CSV without the contract's names"),
        (lines(json.dumps(claim(1).decode()).encode()), "looks like JSON inside JSON strings"),
        (lines(b'{"type": "RECORD", "record": {"id": 1}}'), "looks like events inside other obj"),
        (b'{"data": [\n' + claim(1) + b"\n]}", "looks like events inside other objects"),
        (claim(1)[:-1], "ends too early, after 0 objects"),
        (b"[" + claim(1), "ends too early, after 1 object"),
        (CSV.encode() + b"1,67,A,3,50\n", "has more or fewer fields in row 1 than in its header"),
        (CSV.encode() + b'1,67,A,4\n1,67,A,"3,50"\n', "has a number with a decimal comma in row 2"),
        (CSV.encode() + b"1,67,\xfc,4\n", "is not in UTF-8 (row 1)"),
        (lines(b"\xff\xfe\xfd"), "is not JSON"),
        (lines(bytes(range(255)), bytes(range(255))), "is neither JSON nor another text"),
        (b'{"columns": ["id", "patient_id", "code", "price"]}', "in its first line (bad_id: "),
    ],
)
def test_a_doubt_is_told(database: Database, tmp_path: Path, content: bytes, told: str) -> None:
    assert told in (doubt_about(database, tmp_path, content) or "")
    assert read_staged(database) == []


def test_a_decimal_comma_that_was_announced_is_no_doubt(database: Database, tmp_path: Path) -> None:
    content = CSV.encode() + b'1,67,A,"3,50"\n'
    assert doubt_about(database, tmp_path, content, has_decimal_comma=True) is None


def test_what_is_staged_is_told_after_each_portion(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "claims.json"
    objects = [b'{\n\t"id": %d,\r\n "text": "\\\\n"\n}' % number for number in range(3)]
    file.write_bytes(b"[" + b",".join(objects) + b', {"id" 3}]')
    counts = []
    with ExitStack() as stack, pytest.raises(UnreadableError) as error:  # noqa: PT012
        for portion in load(database, "claim", file_source(file, stack)):
            counts.append((portion.name, portion.form, len(portion.payloads)))
            assert [row.raw.payload for row in read_staged(database)] == objects
    assert counts == [(str(file), "object", 3)]
    assert str(error.value).startswith(f"{file} is not JSON at line 10, column 10, after 3 objects")


def test_a_long_table_is_staged_to_its_end(database: Database, tmp_path: Path) -> None:
    rows = BUFFER_BYTES // 1000
    file = tmp_path / "claims.csv"
    file.write_text(CSV + f"1,67,{'A' * 1000},3.50\n" * rows)
    with ExitStack() as stack:
        [portion] = load(database, "claim", file_source(file, stack))
    assert len(portion.payloads) == len(read_staged(database)) == rows
    assert portion.position == file.stat().st_size


def test_lines_of_many_pieces_come_as_they_are_and_in_their_order(
    database: Database, tmp_path: Path
) -> None:
    odd = [b"\xff\t\\", b'{"a": "\xc3\xa4\t\\n"}', b"nul\0", b"\\.", b"\\N", b"a\rb"]
    payloads = [b'{"id": %d}' % number for number in range(2 * CUT_BYTES // 15)]
    for at, payload in enumerate(odd, start=CUT_BYTES // 15):
        payloads[at] = payload
    file = tmp_path / "claims.jsonl"
    file.write_bytes(lines(*payloads))
    with ExitStack() as stack:
        staged = list(load(database, "claim", file_source(file, stack)))
    assert [row.raw.payload for row in read_staged(database)] == payloads
    assert sum(len(portion.payloads) for portion in staged) == len(payloads)


# So many long lines fill one portion. LONG_LINES fill two and begin a third.
MANY = 100
LONG_LINES = range(2 * MANY + 10)


def long_line(number: int) -> bytes:
    return b'{"id": %d, "text": "%s"}' % (number, b"x" * (BYTES_PER_TRANSACTION // MANY))


def staged_starts(database: Database) -> list[str]:
    with database.transaction() as cursor:
        cursor.execute("SELECT left(payload, 10) FROM staging.event ORDER BY seq")
        return [start for (start,) in cursor.fetchall()]


def starts(count: int) -> list[str]:
    return [long_line(number)[:10].decode() for number in range(count)]


def test_portions_read_ahead_keep_their_order_where_a_link_is_lost(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "claims.jsonl"
    file.write_bytes(lines(*map(long_line, LONG_LINES)))
    with ExitStack() as stack, closing(Database(database.dsn, name="load")) as loading:
        for _ in load(loading, "claim", file_source(file, stack)):
            with database.transaction() as cursor:
                cursor.execute(END_LINK, {"name": "load"})
    assert loading.reconnects > 0
    assert staged_starts(database) == starts(len(LONG_LINES))


def test_a_pipe_is_not_read_ahead(database: Database) -> None:
    reading, writing = os.pipe()

    def write() -> None:
        os.write(writing, long_line(0).ljust(BYTES_PER_TRANSACTION, b"\n"))

    with ExitStack() as stack:
        pipe = stack.enter_context(os.fdopen(reading, "rb"))
        stack.callback(os.close, writing)
        threading.Thread(target=write).start()
        portions = load(database, "claim", pipe_source("pipe", pipe, stack))
        next(portions)
        assert not [each for each in threading.enumerate() if each.name.startswith("read ahead")]
    assert staged_starts(database) == starts(1)


def test_a_file_that_broke_off_is_loaded_again(database: Database, tmp_path: Path) -> None:
    whole = gzip.compress(lines(*map(long_line, LONG_LINES)))
    file = tmp_path / "claims.jsonl.gz"
    file.write_bytes(whole[: len(whole) * 3 // 4])
    with ExitStack() as stack:
        broken = load(database, "claim", file_source(file, stack))
        before = len(next(broken).payloads)
        with pytest.raises(UnreadableError, match="is damaged or cut off"):
            before += sum(len(portion.payloads) for portion in broken)
    assert staged_starts(database) == starts(before)

    file.write_bytes(whole)
    with ExitStack() as stack:
        for _ in load(database, "claim", file_source(file, stack)):
            pass
    assert staged_starts(database) == [*starts(before), *starts(len(LONG_LINES))]


def test_the_files_of_a_folder_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a.csv", "10", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    files, skipped = files_in(tmp_path)
    assert [file.name for file in files] == ["10", "a.csv", "b"]
    assert [entry.name for entry in skipped] == [".hidden", "sub"]
