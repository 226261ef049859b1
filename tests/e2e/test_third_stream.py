"""A third stream is added to a copy of the project as CONTRIBUTING.md says, and all of it works."""

import filecmp
import json
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from e2e.lines import claim, diagnose, file_of
from e2e.processes import Office, Result
from pipeline.core.settings import PROJECT_FOLDER
from utils.pipes import PipeSink

GIVEN = Path(__file__).parent / "third_stream"
MOST_FILES = 6
NOON = "2020-05-04T12:00:00Z"
COPIED = ("src", "setup", "expectations", "contracts")


def add_stream(project: Path) -> None:
    """The recipe of CONTRIBUTING.md, for a stream of prescriptions."""
    schema = project / "src/pipeline/sql/schema"
    streams = project / "src/pipeline/core/streams.py"
    text = streams.read_text(encoding="utf-8")
    text = text.replace("STREAMS: Final", (GIVEN / "stream.py.txt").read_text() + "STREAMS: Final")
    streams.write_text(text.replace("(CLAIM, DIAGNOSE)", "(CLAIM, DIAGNOSE, PRESCRIPTION)"))
    shutil.copy(GIVEN / "migration.sql", schema / "migrations/900_prescription.sql")
    shutil.copy(GIVEN / "contract.sql", schema / "repeatable/150_prescription_contract.sql")
    shutil.copy(GIVEN / "suite.json", project / "expectations/prescription.json")


def changed_files(project: Path) -> list[str]:
    """The files of a copy that are new or differ from the project's own."""
    return sorted(
        str(file.relative_to(project))
        for folder in COPIED
        for file in (project / folder).rglob("*")
        if file.is_file()
        and file.suffix != ".pyc"
        and not is_same(file, PROJECT_FOLDER / file.relative_to(project))
    )


def is_same(file: Path, original: Path) -> bool:
    return original.is_file() and filecmp.cmp(file, original, shallow=False)


@pytest.fixture
def office(given_database_url: str, tmp_path: Path, outputs: Path) -> Iterator[Office]:
    project = tmp_path / "project"
    for folder in COPIED:
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT_FOLDER / folder, project / folder, ignore=left_out)
    add_stream(project)
    home = tmp_path / "home"
    home.mkdir()
    made = Office(home, outputs, given_database_url, source=project / "src")
    yield made
    made.close()


def prescription(number: int, **fields: object) -> bytes:
    event = {"id": number, "patient_id": 1, "drug": "Aspirin", "units": 20, "tsp": NOON}
    return json.dumps(event | fields).encode()


PRESCRIPTIONS = (
    prescription(1),
    prescription(1, note="again"),
    prescription(1, units=21),
    prescription(2, units=0),
    prescription(3, drug=""),
    prescription(4, patient_id=5000),
    prescription(5),
)
FATES = ["merged", "duplicate", "conflict", "rejected", "rejected", "rejected", "merged"]


def succeed(result: Result) -> str:
    assert (result.code, result.err) == (0, ""), result.out
    return result.out


def rows(office: Office, query: str) -> list[tuple[Any, ...]]:
    assert office.database_url is not None
    with psycopg2.connect(office.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_a_third_stream_takes_few_files_and_goes_all_the_way(office: Office) -> None:
    succeed(office.command("contracts"))
    files = changed_files(office.source.parent)
    sys.stdout.write("\n".join(["", f"{len(files)} files:", *files, ""]))
    assert 0 < len(files) <= MOST_FILES

    for stream, payloads in (
        ("claim", [claim(1, patient=1, price=10, tsp=NOON)]),
        ("diagnose", [diagnose(1, patient=1, icd10_code="R41.3", tsp=NOON)]),
        ("prescription", PRESCRIPTIONS),
    ):
        succeed(office.command("load", "-", "--stream", stream, given=file_of(payloads)))
    succeed(office.command("merge"))
    fates = "SELECT fate FROM staging.outcome WHERE stream = 'prescription' ORDER BY seq"
    assert [fate for (fate,) in rows(office, fates)] == FATES
    assert rows(office, "SELECT id, drug, units FROM prescription ORDER BY id") == [
        (1, "Aspirin", 20),
        (5, "Aspirin", 20),
    ]

    run = json.loads(succeed(office.command("analytics", "--json")))
    assert run["verdict"] == "published"
    assert "prescription" in {check["suite"] for check in run["checks"]}
    succeed(office.command("verify", "--all"))

    told = json.loads(succeed(office.command("explain", "prescription", "1", "--json")))
    assert [row["fate"] for row in told["raw_rows"]] == ["merged", "duplicate", "conflict"]
    assert told["clean"]["units"] == 20

    balanced = "SELECT received, balanced FROM audit.reconciliation WHERE stream = 'prescription'"
    assert rows(office, balanced) == [(7, True)]
    audited = """
        SELECT entity_id, clean_drug, clean_units FROM audit.raw_vs_clean
        WHERE stream = 'prescription' AND fate = 'conflict'
        """
    assert rows(office, audited) == [(1, "Aspirin", 20)]
    differing = "SELECT differing_fields, clean_values, conflicting_values FROM audit.conflicts"
    assert rows(office, differing) == [("units", "20", "21")]
    in_words = "SELECT in_words FROM audit.rejected WHERE reason = 'bad_units'"
    assert rows(office, in_words) == [("the units are not an integer of 1 or more",)]

    page = (office.home / "reports" / "quality.html").read_text(encoding="utf-8")
    assert '<th scope="row">prescription</th>' in page
    assert "the units are not an integer of 1 or more" in page


def test_the_clean_table_of_a_third_stream_is_rebuilt(office: Office) -> None:
    given = file_of(PRESCRIPTIONS)
    succeed(office.command("load", "-", "--stream", "prescription", given=given))
    succeed(office.command("merge"))
    before = rows(office, "SELECT * FROM prescription ORDER BY id")
    rows(office, "DELETE FROM prescription WHERE id = 1 RETURNING id")
    assert office.command("verify").code == 1
    found = office.command("rebuild", "--apply")
    assert (found.code, found.err) == (0, "")
    assert rows(office, "SELECT * FROM prescription ORDER BY id") == before
    succeed(office.command("verify", "--all"))


def test_a_third_stream_comes_through_a_pipe_of_its_own(office: Office, tmp_path: Path) -> None:
    names = {f"{stream}_PIPE_NAME": str(tmp_path / stream) for stream in ("CLAIM", "DIAGNOSE")}
    missing = office.start("status", **names).result()
    assert missing.code == 2
    assert "PRESCRIPTION_PIPE_NAME is not: set all or none." in missing.err
    names["PRESCRIPTION_PIPE_NAME"] = str(tmp_path / "prescription")
    ingestor = office.start(program="ingestor", OFFICE_MERGE_SECONDS="0.3", **names)
    ingestor.wait_until(lambda: "event=receiving" in ingestor.err)
    with closing(PipeSink(tmp_path / "prescription", "prescription")) as sink:
        for payload in PRESCRIPTIONS:
            assert sink.publish(payload, 60)
        fates = "SELECT fate FROM staging.outcome WHERE stream = 'prescription' ORDER BY seq"
        ingestor.wait_until(lambda: [fate for (fate,) in rows(office, fates)] == FATES)
    assert ingestor.stop(signal.SIGTERM).code == 0
