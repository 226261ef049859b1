"""Made the files beside this one with the code of commit 5403e04, from before the baseline.

It imports modules of that commit, and so runs with its sources only:

    git worktree add /tmp/5403e04 5403e04
    PYTHONPATH=/tmp/5403e04/src python tests/integration/upgrade/make_dump.py

It makes an office with raw rows of every fate, pending and replayed ones, an archived day, and
windows that are published, due, held back and released. Then it dumps the office and what that
commit said of it.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from pipeline.cycle import run_cycle
from pipeline.database import Database
from pipeline.embedded import server
from pipeline.release import release
from pipeline.replay import replay
from pipeline.settings import PROJECT_FOLDER
from pipeline.verify import verify

from pipeline.archive import archive
from pipeline.merge import merge_pending
from pipeline.quality import Checker
from pipeline.schema import apply_schema

HERE = Path(__file__).parent
FIRST_DAY = datetime(2026, 5, 1, tzinfo=UTC)
DAYS = 3
CODES = ("R41.3", "J44.9", "E11.9", "M54.50")
RELEASED, HELD_BACK = (FIRST_DAY + timedelta(days=1, hours=hour) for hour in (10, 15))

Fields = dict[str, Any]


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="office-dump-"))
    home.chmod(0o755)
    try:
        with server(
            home / "server", init_sql=PROJECT_FOLDER / "setup" / "init_db.sql", say=print
        ) as url:
            with closing(Database(url)) as database:
                make_office(database, home)
                told = {
                    "figures": rows(database, FIGURES),
                    "reconciliation": rows(database, RECONCILIATION),
                    "fates": rows(database, FATES),
                    "held_back": rows(database, HELD),
                }
            dump(url)
        (HERE / "told.json").write_text(json.dumps(told, indent=1, default=str) + "\n")
        for file in (home / "archive").glob("*.parquet"):
            shutil.copy(file, HERE / file.name)
    finally:
        shutil.rmtree(home)


FIGURES = """
    SELECT window_start, category, revenue, claims, patients
    FROM analytics.revenue_by_diagnosis ORDER BY window_start, category
    """
RECONCILIATION = "SELECT * FROM audit.reconciliation ORDER BY stream"
FATES = "SELECT fate, reason, count(*) FROM staging.outcome GROUP BY fate, reason ORDER BY 1, 2"
HELD = """
    SELECT DISTINCT c.window_start FROM analytics.revenue_candidate AS c
    JOIN analytics.dirty_window AS d ON c.mark_id = d.mark_id ORDER BY 1
    """


def make_office(database: Database, home: Path) -> None:
    apply_schema(database)
    make_days(database)
    checker = make_checker(database, home)
    rng = Random(5403)

    arrive(database, 0, [*events_of_a_day(0, rng)])
    cycle(database, checker, day=1)
    kept = (datetime.now(UTC).date() - (FIRST_DAY + timedelta(days=1)).date()).days
    archived = archive(database, folder=home / "archive", keep_days=kept)
    assert [day.reason_left for day in archived if day.file_name] == [None], archived

    dear = [
        ("claim", claim(900_001, 1, 12_500.0, RELEASED)),
        ("claim", claim(900_002, 1, 12_000.0, HELD_BACK)),
    ]
    strangers = [
        ("claim", claim(900_003, 5000, 7.0, HELD_BACK + timedelta(hours=2))),
        ("claim", claim(900_004, 6000, 7.0, HELD_BACK + timedelta(hours=2))),
    ]
    arrive(database, 1, [*events_of_a_day(1, rng), *dear, *strangers])
    cycle(database, checker, day=2)
    database.run(
        partial(release, window_start=RELEASED, reason="The price is right, says billing.")
    )

    execute(database, "INSERT INTO patient VALUES (5000, 'Nia', 'Late', '1990-01-01')")
    replay(database, reason="unknown_patient")
    merge(database)
    execute(database, "INSERT INTO analytics.tracked_diagnosis VALUES ('E11.9', 'Diabetes', NULL)")
    arrive(database, 2, [*events_of_a_day(2, rng)])
    cycle(database, checker, day=3)

    # Due: merged, and not computed yet. Pending: put back by a replay, and not merged yet.
    arrive(database, 2, [("claim", claim(900_005, 2, 9.0, FIRST_DAY + timedelta(hours=9)))])
    merge(database)
    replay(database, reason="bad_code")
    arrive(database, 2, [("claim", claim(900_006, 3, 8.0, FIRST_DAY + timedelta(days=2)))])
    broken = [each.name for each in database.run(verify, snapshot=True) if not each.holds]
    assert broken in ([], ["090_no_window_is_overdue"]), broken


def make_days(database: Database) -> None:
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    execute(database, "SELECT staging.make_partitions(%s::date, %s::date)", FIRST_DAY, last)


def make_checker(database: Database, home: Path) -> Checker:
    """The suites, but that a price above 10,000 is critical."""
    folder = home / "expectations"
    shutil.copytree(PROJECT_FOLDER / "expectations", folder)
    suite = json.loads((folder / "claim.json").read_text())
    for check in suite["expectations"]:
        if "price" in check["kwargs"].values() and "max_value" in check["kwargs"]:
            check["severity"] = "critical"
    (folder / "claim.json").write_text(json.dumps(suite))
    return Checker(database.dsn, expectations=folder, docs=home / "docs")


def events_of_a_day(day: int, rng: Random) -> Iterator[tuple[str, Fields | bytes]]:
    """Claims and diagnoses with repeats, conflicts and bad ones among them."""
    start = FIRST_DAY + timedelta(days=day)
    for number in range(60):
        event = claim(
            1000 * day + number,
            rng.randint(1, 20),
            rng.randint(1, 90),
            start + rng.random() * timedelta(days=1),
        )
        yield "claim", event
        if number % 10 == 0:
            yield "claim", event
        if number % 15 == 0:
            yield "claim", {**event, "price": event["price"] + 1}
    for number in range(30):
        at = (start + rng.random() * timedelta(days=1)).isoformat()
        event = {
            "id": 1000 * day + number,
            "patient_id": rng.randint(1, 20),
            "icd10_code": rng.choice(CODES),
            "tsp": at,
        }
        yield "diagnose", event
        if number % 10 == 0:
            yield "diagnose", {**event, "icd10_code": "Z00.00"}
    yield "claim", b"not JSON"
    yield "claim", b"\0"
    yield "claim", {**claim(1000 * day + 900, 1, 1.0, start), "code": ""}
    yield "diagnose", {"id": -1, "patient_id": 1, "icd10_code": "R41.3"}


def claim(number: int, patient: int, price: float, at: datetime) -> Fields:
    return {
        "id": number,
        "patient_id": patient,
        "code": "03230",
        "price": price,
        "tsp": at.isoformat(),
    }


def arrive(database: Database, day: int, events: list[tuple[str, Fields | bytes]]) -> None:
    """Appends events as if they had arrived late on that day."""
    received_at = FIRST_DAY + timedelta(days=day, hours=23)
    for stream, event in events:
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        is_text = b"\0" not in payload
        execute(
            database,
            "INSERT INTO staging.event (stream, payload, payload_bytes, received_at)"
            " VALUES (%s, %s, %s, %s)",
            stream,
            payload.decode() if is_text else None,
            None if is_text else payload,
            received_at,
        )


def cycle(database: Database, checker: Checker, *, day: int) -> None:
    run_cycle(database, checker, now=FIRST_DAY + timedelta(days=day), batch_size=50)


def merge(database: Database) -> None:
    list(merge_pending(database, batch_size=50))


def execute(database: Database, statement: str, *values: object) -> None:
    with database.transaction() as cursor:
        cursor.execute(statement, values or None)


def rows(database: Database, query: str) -> list[list[Any]]:
    with database.transaction() as cursor:
        cursor.execute(query)
        return [list(row) for row in cursor.fetchall()]


def dump(url: str) -> None:
    program = next(Path(sys.prefix).rglob("bin/pg_dump"))
    done = subprocess.run(
        [str(program), "--no-owner", "--no-privileges", url], check=True, capture_output=True
    )
    with gzip.GzipFile(HERE / "office.sql.gz", "wb", mtime=0) as file:
        file.write(done.stdout)


if __name__ == "__main__":
    main()
