"""Makes the fixture of test_upgrade.py: an office as commit 5403e04 leaves it.

Runs with the code of that commit, not with today's:

    git worktree add /tmp/old 5403e04
    PYTHONPATH=/tmp/old/src python tests/integration/upgrade/make_dump.py

Writes, beside this file:

    office.sql.gz    the database, as pg_dump writes it
    archive/         the file with the raw rows of the first day
    figures.json     what the code of that commit reports about the database
"""

# ruff: noqa: I001  (the modules of that commit are not those that ruff finds here)
import gzip
import io
import json
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from queries import QUERIES

from pipeline.archive import archive
from pipeline.cycle import run_cycle
from pipeline.database import Database
from pipeline.embedded import server
from pipeline.embedded_user import find_site
from pipeline.merge import merge_pending
from pipeline.quality import Checker
from pipeline.release import release
from pipeline.replay import replay
from pipeline.schema import apply_schema
from pipeline.settings import PROJECT_FOLDER
from pipeline.staging import load_lines
from pipeline.status import read_status
from pipeline.verify import BEGINNING, recorded_files, verify, verify_files

HERE = Path(__file__).parent
ARCHIVE = HERE / "archive"

DAYS = [datetime(2026, 5, day, 9, tzinfo=UTC) for day in (11, 12, 13, 14)]
EVENING = timedelta(hours=9)
CLAIM_SECONDS = 80
DIAGNOSE_SECONDS = 160
CLAIMS = 90
DIAGNOSES = 45

PATIENTS = 60
LATER_PATIENT, LAST_PATIENT = 2001, 2002
CODES = ("D0120", "D1110", "D2740", "03230")
DIAGNOSIS_CODES = ("R41.3", "J44.9", "I10", "E11.9", "M54.5")

RELEASED_CLAIM = {"id": 5001, "patient_id": 7, "code": "D6010", "price": 15000}
HELD_BACK_CLAIM = {"id": 5002, "patient_id": 8, "code": "D6010", "price": 12000}
REASON = "The owner confirmed the price."

BAD_CLAIMS = (
    b"oops",
    b"[1, 2]",
    b"\x00\xff",
    b'{"id": 1, "id": 2}',
    b'{"id": -1, "patient_id": 1, "code": "D0120", "price": 1}',
    b'{"id": 8001, "patient_id": "1", "code": "D0120", "price": 1}',
    b'{"id": 8002, "patient_id": 1, "code": "", "price": 1}',
    b'{"id": 8003, "patient_id": 1, "code": "D0120", "price": 1.234}',
    b'{"id": 8004, "patient_id": 1, "code": "D0120", "price": 1, "tsp": "yesterday"}',
)
BAD_DIAGNOSES = (b'{"id": 8001, "patient_id": 1, "icd10_code": "flu"}', b"{}")

Event = dict[str, Any]


# --- events ---


def claims_of_day(day: int, chance: random.Random) -> list[bytes]:
    events = [
        {
            "id": 1000 * day + number,
            "patient_id": chance.randint(1, PATIENTS),
            "code": chance.choice(CODES),
            "price": chance.randint(1000, 40000) / 100,
        }
        for number in range(CLAIMS)
    ]
    return [*lines(events, "price", 1, chance), *BAD_CLAIMS]


def diagnoses_of_day(day: int, chance: random.Random) -> list[bytes]:
    events = [
        {
            "id": 1000 * day + number,
            "patient_id": chance.randint(1, PATIENTS),
            "icd10_code": chance.choice(DIAGNOSIS_CODES),
        }
        for number in range(DIAGNOSES)
    ]
    return [*lines(events, "icd10_code", "Z00.0", chance), *BAD_DIAGNOSES]


def lines(events: list[Event], field: str, other: object, chance: random.Random) -> list[bytes]:
    """The events; after every tenth comes a duplicate, after every fifteenth a conflict."""
    made = []
    for number, event in enumerate(events):
        made.append(line(event))
        if number % 10 == 9:
            made.append(line(dict(chance.sample(list(event.items()), len(event)))))
        if number % 15 == 14:
            made.append(line({**event, field: other}))
    return made


def line(event: Event) -> bytes:
    return json.dumps(event).encode()


def of_patient(patient: int, first_id: int, count: int) -> list[bytes]:
    event = {"patient_id": patient, "code": "D1110", "price": 80}
    return [line({"id": first_id + number, **event}) for number in range(count)]


# --- steps ---


def execute(database: Database, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(statement, values or None)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def receive(database: Database, stream: str, at: datetime, payloads: list[bytes]) -> None:
    """Loads lines, as if one had arrived every so many seconds from that time on."""
    seconds = CLAIM_SECONDS if stream == "claim" else DIAGNOSE_SECONDS
    [(before,)] = execute(database, "SELECT coalesce(max(seq), 0) FROM staging.event")
    list(load_lines(database, stream, io.BytesIO(b"\n".join(payloads))))
    execute(
        database,
        "UPDATE staging.event SET received_at = %s + (seq - %s - 1) * %s * interval '1 second'"
        " WHERE seq > %s",
        at,
        before,
        seconds,
        before,
    )


def merge(database: Database) -> None:
    list(merge_pending(database, batch_size=50))


def make_office(database: Database, checker: Checker) -> None:
    chance = random.Random(14)
    analyze = partial(run_cycle, database, checker, batch_size=50)
    execute(database, "SELECT staging.make_partitions('2026-05-11', '2026-05-14')")
    for day, morning in enumerate(DAYS):
        receive(database, "diagnose", morning, diagnoses_of_day(day, chance))
        receive(database, "claim", morning, claims_of_day(day, chance))
        receive(database, "claim", morning, of_patient(LATER_PATIENT, 6000 + 10 * day, 2))
        receive(database, "claim", morning, of_patient(LAST_PATIENT, 7000 + 10 * day, 2))
        if day == 1:
            receive(database, "claim", morning + 2 * EVENING / 9, [line(RELEASED_CLAIM)])
            receive(database, "claim", morning + 3 * EVENING / 9, [line(HELD_BACK_CLAIM)])
        if day == 2:
            add_category(database, "I10", "Hypertension")
        analyze(now=morning + EVENING)
    let_one_window_go(database)
    archive_first_day(database)
    add_patient(database, LATER_PATIENT)
    replay(database, reason="unknown_patient")
    analyze(now=DAYS[-1] + EVENING)
    leave_due_and_pending(database, DAYS[-1] + EVENING, chance)


def let_one_window_go(database: Database) -> None:
    first, _ = database.run(read_status).held_back
    database.run(partial(release, window_start=first, reason=REASON))


def archive_first_day(database: Database) -> None:
    keep_days = (datetime.now(UTC).date() - DAYS[1].date()).days
    [done] = archive(database, folder=ARCHIVE, keep_days=keep_days)
    assert done.file_name, done.reason_left
    (ARCHIVE / ".lock").unlink()


def add_patient(database: Database, patient: int) -> None:
    execute(database, "INSERT INTO patient VALUES (%s, 'Late', 'Comer', '1990-01-01')", patient)


def add_category(database: Database, code: str, category: str) -> None:
    insert = "INSERT INTO analytics.tracked_diagnosis (icd10_code, category) VALUES (%s, %s)"
    execute(database, insert, code, category)


def leave_due_and_pending(database: Database, at: datetime, chance: random.Random) -> None:
    """Merges once more, so that windows are due; the rest arrives, or is put back, afterwards."""
    with arriving_late(
        database, at, line({"id": 9001, "patient_id": 3, "code": "D0120", "price": 9})
    ):
        receive(database, "claim", at, claims_of_day(4, chance)[:20])
        old = {
            "id": 9002,
            "patient_id": 9,
            "code": "D0120",
            "price": 11,
            "tsp": DAYS[1].isoformat(),
        }
        receive(database, "claim", at, [line(old)])
        receive(database, "diagnose", at, diagnoses_of_day(4, chance)[:10])
        merge(database)
    receive(database, "claim", at, of_patient(5, 9100, 5))
    receive(database, "diagnose", at, diagnoses_of_day(5, chance)[:5])
    add_category(database, "E11.9", "Diabetes")
    add_patient(database, LAST_PATIENT)
    replay(database, reason="unknown_patient")


@contextmanager
def arriving_late(database: Database, at: datetime, payload: bytes) -> Iterator[None]:
    """Appends a claim that is committed only at the end, when the cursor has passed it."""
    with closing(Database(database.dsn)) as other, other.transaction() as cursor:
        insert = "INSERT INTO staging.event (stream, payload, received_at) VALUES ('claim', %s, %s)"
        cursor.execute(insert, (payload.decode(), at))
        yield


# --- what is written ---


def figures(database: Database) -> dict[str, Any]:
    status = database.run(read_status)
    return {
        "due_windows": status.due_windows,
        "held_back": [f"{window:%Y-%m-%d %H:%M}" for window in status.held_back],
        **{name: execute(database, query) for name, query in QUERIES.items()},
    }


def require_all_promises(database: Database) -> None:
    promises = database.run(verify, snapshot=True)
    files = database.run(partial(recorded_files, since=BEGINNING))
    broken = [each for each in [*promises, verify_files(files, ARCHIVE)] if not each.holds]
    assert not broken, broken


def strict_suites(folder: Path) -> Path:
    """The office's suites; a price above 10,000 holds a window back."""
    shutil.copytree(PROJECT_FOLDER / "expectations", folder)
    file = folder / "claim.json"
    suite = json.loads(file.read_text())
    [check] = [each for each in suite["expectations"] if "10,000" in each["description"]]
    check["severity"] = "critical"
    file.write_text(json.dumps(suite))
    return folder


def as_json(values: dict[str, Any]) -> str:
    """JSON with a row on each line."""
    parts = []
    for name, value in values.items():
        rows = value if isinstance(value, list) else None
        text = (
            json.dumps(value) if rows is None else "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]"
        )
        parts.append(f'"{name}": {text}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    shutil.rmtree(ARCHIVE, ignore_errors=True)
    home = Path(tempfile.mkdtemp(prefix="office-dump-"))
    home.chmod(0o755)
    init_sql = PROJECT_FOLDER / "setup" / "init_db.sql"
    with server(home, init_sql=init_sql, say=print, port=25700) as url:
        with closing(Database(url)) as database:
            apply_schema(database)
            checker = Checker(url, expectations=strict_suites(home / "suites"), docs=home / "docs")
            make_office(database, checker)
            require_all_promises(database)
            (HERE / "figures.json").write_text(as_json(figures(database)))
        site = find_site(home, "postgres")
        assert site is not None
        dumped = site.run("pg_dump", f"--dbname={url}", "--no-owner")
        assert dumped.returncode == 0, dumped.stderr
        (HERE / "office.sql.gz").write_bytes(gzip.compress(dumped.stdout.encode(), mtime=0))
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
