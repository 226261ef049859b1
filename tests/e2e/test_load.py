"""`load` with files as people have them, as a person would give it."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from e2e.lines import claim, diagnose, file_of
from e2e.processes import Office
from e2e.queries import fetch

CLAIMS = [claim(1, 1, 5), claim(2, 1, 5), claim(3, 1, 5)]
STAGED = "SELECT payload FROM staging.event ORDER BY seq"


def staged(url: str) -> list[bytes]:
    return [payload.encode() for (payload,) in fetch(url, STAGED)]


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (gzip.compress(file_of(CLAIMS)), "3 lines staged.\n"),
        (zipped(claims=file_of(CLAIMS)), "3 lines staged.\n"),
        (
            zipped(a=file_of(CLAIMS[:1]), b=b"[" + b",".join(CLAIMS[1:]) + b"]"),
            "standard input: a: 1 line staged.\n"  # noqa: ISC004  (a text of three lines)
            "standard input: b: 2 objects staged.\n"
            "3 raw rows staged.\n",
        ),
        (b"\xef\xbb\xbf[\n" + b",\n".join(CLAIMS) + b"\n]\n", "3 objects staged.\n"),
        (file_of(CLAIMS).replace(b"\n", b"\r"), "3 lines staged.\n"),
    ],
    ids=["gzip", "zip", "zip of two", "array", "CR"],
)
def test_standard_input_is_read_as_it_comes(
    office: Office, database_url: str, given: bytes, told: str
) -> None:
    loaded = office.command("load", "-", "--stream", "claim", given=given)
    assert (loaded.code, loaded.out, loaded.err) == (0, told, "")
    assert staged(database_url) == CLAIMS


def test_a_table_is_loaded_and_merged(office: Office, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "claims.csv"
    file.write_text("ID;Patient_ID;Code;Price;note\n1;67;03230;3,50;x\n2;67;A;4;\n")
    refused = office.command("load", file, "--stream", "claim")
    assert (refused.code, refused.out) == (2, "")
    [line] = refused.err.splitlines()
    assert line.startswith(f"Error: {file} has a number with a decimal comma in row 1: say --dec")
    assert staged(database_url) == []

    loaded = office.command("load", file, "--stream", "claim", "--decimal-comma")
    assert (loaded.code, loaded.out) == (0, "2 rows staged.\n")
    office.command("merge")
    rows = fetch(database_url, "SELECT id, code, price::text, patient_id FROM claim ORDER BY id")
    assert rows == [(1, "03230", "3.50", 67), (2, "A", "4.00", 67)]


def test_of_a_folder_the_files_are_loaded(
    office: Office, database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "b.jsonl").write_bytes(file_of(CLAIMS[1:2]))
    (folder / "a.json.gz").write_bytes(gzip.compress(b"[" + CLAIMS[0] + b"]"))
    (folder / "empty").touch()
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "old").mkdir()
    more = tmp_path / "more.jsonl"
    more.write_bytes(file_of(CLAIMS[2:]))
    loaded = office.command("load", folder, more, "--stream", "claim", "--json")
    assert (loaded.code, loaded.err) == (0, f"Skipped in {folder}: .DS_Store, old\n")
    assert json.loads(loaded.out) == {
        "stream": "claim",
        "staged": 3,
        "files": [
            {"file": str(folder / "a.json.gz"), "staged": 1},
            {"file": str(folder / "b.jsonl"), "staged": 1},
            {"file": str(folder / "empty"), "staged": 0},
            {"file": str(more), "staged": 1},
        ],
        "failures": [],
    }
    assert staged(database_url) == CLAIMS


def test_where_one_file_is_in_doubt_nothing_is_staged(
    office: Office, database_url: str, tmp_path: Path
) -> None:
    good, wrong, other = tmp_path / "good", tmp_path / "wrong", tmp_path / "other"
    good.write_bytes(file_of(CLAIMS))
    wrong.write_bytes(file_of([diagnose(1, 1, "R41.3")]))
    other.write_bytes(b"%PDF-1.7\nhere\n")
    refused = office.command("load", good, wrong, other, "--stream", "claim")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"Error: {wrong} looks like diagnose: say --stream diagnose. 1 other file refused, too. "
        "Nothing is staged; --force stages it all the same.\n"
    )
    assert staged(database_url) == []

    forced = office.command("load", good, wrong, other, "--stream", "claim", "--force")
    assert (forced.code, forced.out.splitlines()[-1]) == (0, "6 raw rows staged.")
    assert len(staged(database_url)) == 6


def test_a_file_that_ends_in_doubt_stops_no_other(
    office: Office, database_url: str, tmp_path: Path
) -> None:
    broken, good = tmp_path / "a", tmp_path / "b"
    many = [claim(number, 1, 5) for number in range(200)]
    broken.write_bytes(b"[" + b",\n".join(many) + b'\n{"id": 200}]')
    good.write_bytes(file_of(CLAIMS))
    loaded = office.command("load", broken, good, "--stream", "claim")
    assert loaded.code == 1
    assert loaded.out.splitlines() == [
        f"{broken}: 200 objects staged.",
        f"{good}: 3 lines staged.",
        "203 raw rows staged.",
    ]
    assert loaded.err == (
        f"Error: {broken} is not JSON at line 201, column 1, after 200 objects: correct it there. "
        f"200 raw rows of {broken} staged before that.\n"
    )
    assert staged(database_url) == many + CLAIMS


def test_a_folder_without_files_is_told(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    refused = office.command("load", folder, "--stream", "claim")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"Error: {folder} holds no file. Nothing is staged.\n"
