"""Raw rows of days long past go to files, once all is well with them, and stay within reach."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from integration.events import claim, compute_and_publish, diagnose, fates, merge, rows
from pipeline.archive import archive as archiving
from pipeline.archive import file as archive_file
from pipeline.archive.archive import ArchivedDay, archive
from pipeline.audit.erased import find_gone, record_erasure
from pipeline.audit.explain import explain_claim
from pipeline.audit.rebuild import rebuild
from pipeline.audit.verify import (
    Promise,
    find_fault,
    recorded_files,
    verify,
    verify_files,
)
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.window import EARLIEST
from pipeline.merge.replay import count_archived, replay
from pipeline.report.display_explain import claim_lines
from pipeline.schema.roles import login_as

OLD = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=40)
OLDER = OLD - timedelta(days=1)
RAW = "SELECT seq, stream, payload, payload_bytes, received_at, xid::text FROM staging.event"


def execute(database: Database, statements: str, *values: Any) -> None:  # noqa: ANN401
    with database.transaction() as cursor:
        cursor.execute(statements, values)


def receive(database: Database, at: datetime, stream: str, *payloads: bytes) -> None:
    """Appends as if it were then."""
    for payload in payloads:
        is_text = b"\0" not in payload
        column = "payload" if is_text else "payload_bytes"
        execute(
            database,
            f"INSERT INTO staging.event (stream, {column}, received_at) VALUES (%s, %s, %s)",
            stream,
            payload.decode() if is_text else payload,
            at,
        )


def make_day(database: Database, day: datetime) -> None:
    execute(database, "SELECT staging.make_partitions(%s::date, %s::date)", day, day)


def run(database: Database, folder: Path, keep_days: int = 30) -> list[ArchivedDay]:
    fault = partial(find_fault, database, folder, timedelta(minutes=20))
    return archive(database, folder=folder, keep_days=keep_days, find_fault=fault)


def broken(database: Database, folder: Path) -> list[Promise]:
    promises = database.run(verify, snapshot=True)
    files = database.run(partial(recorded_files, since=EARLIEST))
    return [each for each in [*promises, verify_files(files, folder)] if not each.holds]


@pytest.fixture
def office(database: Database) -> Database:
    """An office with every fate, and every kind of payload, on two days of long ago and on one."""
    make_day(database, OLDER)
    make_day(database, OLD)
    noon = timedelta(hours=12)
    receive(database, OLDER + noon, "claim", claim(1), claim(1), claim(1, price=11))
    receive(database, OLDER + noon, "diagnose", diagnose(1), diagnose(1))
    receive(database, OLD + noon, "claim", claim(2, patient=2), "\u00fc \\ \t\n".encode(), b"\0")
    receive(database, OLD + noon, "claim", claim(1, price=12), claim(3, patient=5000))
    merge(database)
    receive(database, datetime.now(UTC), "claim", claim(1), claim(4))
    merge(database)
    compute_and_publish(database, datetime.now(UTC))
    return database


def test_old_days_go_to_files_and_all_stays_well(office: Database, tmp_path: Path) -> None:
    before = rows(office, RAW + " WHERE received_at < current_date - 30 ORDER BY seq")
    balanced = rows(office, "SELECT * FROM audit.reconciliation")
    done = run(office, tmp_path)
    assert [(each.day, each.raw_rows, each.reason_left) for each in done] == [
        (f"{OLDER:%Y-%m-%d}", 5, None),
        (f"{OLD:%Y-%m-%d}", 5, None),
    ]
    assert rows(office, "SELECT count(*) FROM staging.event") == [(2,)]
    assert rows(office, "SELECT count(*) FROM staging.outcome") == [(12,)]
    assert broken(office, tmp_path) == []
    assert rows(office, "SELECT * FROM audit.reconciliation") == balanced
    kept = [
        row for each in done for row in pq.read_table(tmp_path / str(each.file_name)).to_pylist()
    ]
    assert [tuple(row.values()) for row in kept] == [
        (seq, stream, payload, raw and bytes(raw), at, int(xid))
        for seq, stream, payload, raw, at, xid in before
    ]
    assert run(office, tmp_path) == []


def clean_layer(database: Database) -> list[list[tuple[Any, ...]]]:
    tables = ("claim", "diagnose", "staging.outcome", "staging.merge_cursor")
    return [rows(database, f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def compare(database: Database, folder: Path, batch_size: int = 3) -> list[Any]:
    return rebuild(database, batch_size=batch_size, is_applied=False, archive=folder).differences


def test_a_rebuild_reads_the_files_too(office: Database, tmp_path: Path) -> None:
    run(office, tmp_path)
    assert compare(office, tmp_path) == []
    before = clean_layer(office)
    execute(
        office,
        """
        DELETE FROM claim WHERE id = 2;
        UPDATE claim SET price = 1 WHERE id = 1;
        UPDATE diagnose SET icd10_code = 'J44.9';
        DELETE FROM staging.outcome WHERE entity_id = 2 OR fate = 'conflict';
        UPDATE analytics.revenue_by_diagnosis SET revenue = 1
        """,
    )
    assert {each.name for each in broken(office, tmp_path)} >= {
        "022_archived_row_has_its_outcome",
        "068_batch_counts_its_outcomes",
    }
    rebuild(office, batch_size=3, is_applied=True, archive=tmp_path)
    assert clean_layer(office) == before
    compute_and_publish(office, datetime.now(UTC))
    assert broken(office, tmp_path) == []


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda file: file.unlink(), "missing"),
        (lambda file: file.write_bytes(file.read_bytes() + b"x"), "altered"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"PAR1", b"PAR2")), "altered"),
    ],
)
def test_a_file_that_is_altered_or_missing_is_named(
    office: Database, tmp_path: Path, damage: Callable[[Path], Any], fault: str
) -> None:
    file = tmp_path / str(run(office, tmp_path)[0].file_name)
    damage(file)
    [promise] = broken(office, tmp_path)
    assert promise.examples == [{"file_name": file.name, "fault": fault}]
    before = clean_layer(office)
    with pytest.raises(OfficeError, match=f"{file.name}.* is {fault}; nothing was changed"):
        rebuild(office, batch_size=100, is_applied=True, archive=tmp_path)
    assert clean_layer(office) == before


def test_a_day_with_pending_rows_is_left_and_the_next_one_goes(
    office: Database, tmp_path: Path
) -> None:
    receive(office, OLDER + timedelta(hours=13), "claim", claim(9))
    assert [(each.raw_rows, each.reason_left) for each in run(office, tmp_path)] == [
        (0, "1 of its raw rows have no outcome yet"),
        (5, None),
    ]
    merge(office)
    compute_and_publish(office, datetime.now(UTC))
    assert [each.raw_rows for each in run(office, tmp_path)] == [6]
    assert broken(office, tmp_path) == []


def test_nothing_goes_while_verify_finds_fault(office: Database, tmp_path: Path) -> None:
    execute(office, "UPDATE claim SET price = 1 WHERE id = 2")
    before = rows(office, RAW)
    [older, old] = run(office, tmp_path)
    assert older.reason_left == old.reason_left
    assert str(old.reason_left).startswith("verify finds fault: 050_claim_equals_raw")
    assert rows(office, RAW) == before
    assert list(tmp_path.glob("*.parquet")) == []


def test_nothing_goes_while_an_earlier_file_is_missing(office: Database, tmp_path: Path) -> None:
    [first] = run(office, tmp_path, keep_days=(datetime.now(UTC) - OLD).days)
    (tmp_path / str(first.file_name)).unlink()
    [old] = run(office, tmp_path)
    assert old.reason_left == "verify finds fault: archived_file_is_as_recorded"


def test_a_late_row_of_a_day_that_is_gone_is_merged_and_archived_in_a_file_of_its_own(
    office: Database, tmp_path: Path
) -> None:
    [_, first] = run(office, tmp_path)
    receive(office, OLD + timedelta(hours=3), "claim", claim(7), claim(2, patient=2))
    assert rows(office, "SELECT count(*) FROM staging.event_default") == [(2,)]
    merge(office)
    compute_and_publish(office, datetime.now(UTC))
    assert fates(office)[-2:] == ["merged", "duplicate"]
    assert broken(office, tmp_path) == []
    assert compare(office, tmp_path) == []
    [second] = run(office, tmp_path)
    assert (second.day, second.raw_rows) == (first.day, 2)
    assert second.file_name != first.file_name
    assert broken(office, tmp_path) == []
    assert compare(office, tmp_path) == []
    assert rows(office, "SELECT raw_rows FROM audit.archived ORDER BY ends_at, archived_at") == [
        (5,),
        (5,),
        (2,),
    ]


def test_a_day_of_which_raw_rows_were_erased_is_archived_once_that_is_recorded(
    office: Database, tmp_path: Path
) -> None:
    execute(office, "DELETE FROM staging.event WHERE seq IN (1, 5, 9)")
    assert all("020_outcome_has_raw_row" in str(each.reason_left) for each in run(office, tmp_path))
    record = partial(record_erasure, reason="Somebody asked for it.")
    assert office.run(record).rows == 3
    balanced = rows(office, "SELECT * FROM audit.reconciliation")
    assert [(each.raw_rows, each.reason_left) for each in run(office, tmp_path)] == [
        (3, None),
        (4, None),
    ]
    assert broken(office, tmp_path) == []
    assert compare(office, tmp_path) == []
    assert rows(office, "SELECT * FROM audit.reconciliation") == balanced
    assert office.run(find_gone).rows == 0
    # Of all others, nobody takes what is archived for gone.
    execute(office, "DELETE FROM staging.event")
    assert office.run(record).rows == 2
    assert broken(office, tmp_path) == []
    assert compare(office, tmp_path) == []


def test_a_day_on_which_nothing_arrived_leaves_no_file(database: Database, tmp_path: Path) -> None:
    make_day(database, OLD)
    assert run(database, tmp_path) == [ArchivedDay(f"{OLD:%Y-%m-%d}")]
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]
    assert run(database, tmp_path) == []


@pytest.mark.parametrize("step", ["_bring_to_disk", "_drop"])
def test_a_crash_on_the_way_is_made_up_for_by_the_next_run(
    office: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(archiving, step, crash)
        with pytest.raises(KeyboardInterrupt):
            run(office, tmp_path)
    assert rows(office, "SELECT count(*) FROM staging.event") == [(12,)]
    done = run(office, tmp_path)
    assert sorted(file.name for file in tmp_path.glob("*.parquet")) == sorted(
        str(each.file_name) for each in done
    )
    assert broken(office, tmp_path) == []


def test_a_file_that_does_not_read_back_drops_nothing(
    office: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "content_of", lambda _: "something else")
    assert all(
        "does not read back as what was exported" in str(each.reason_left)
        for each in run(office, tmp_path)
    )
    assert rows(office, "SELECT count(*) FROM staging.event") == [(12,)]


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        ("INSERT INTO staging.event (stream, payload, received_at) VALUES ('claim', '', %s)", ""),
        ("DELETE FROM staging.event WHERE received_at = %s AND payload LIKE '%%11%%'", ""),
        ("DELETE FROM staging.outcome WHERE received_at = %s AND fate = 'conflict'", "1 of its"),
    ],
)
def test_what_happens_between_export_and_drop_is_noticed(
    office: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: str,
    reason: str,
) -> None:
    write = archive_file.write_file

    def write_and_then(*given: Any) -> Any:  # noqa: ANN401
        written = write(*given)
        with closing(Database(office.dsn)) as other:
            execute(other, meanwhile, OLDER + timedelta(hours=12))
        return written

    monkeypatch.setattr(archiving, "write_file", write_and_then)
    before = rows(office, "SELECT count(*) FROM staging.archived_day")
    older = run(office, tmp_path)[0]
    expected = reason or "its raw rows are not those that were exported"
    assert str(older.reason_left).startswith(expected)
    assert rows(office, "SELECT count(*) FROM staging.archived_day") != before  # the other day


def test_a_reader_that_stays_holds_the_drop_up_and_nobody_else(
    office: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.core.database.ATTEMPTS", 1)
    with closing(Database(office.dsn)) as other, other.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM staging.event")
        assert {each.reason_left for each in run(office, tmp_path)} == {archiving.HELD_UP}
    assert rows(office, "SELECT count(*) FROM staging.event") == [(12,)]
    assert [each.reason_left for each in run(office, tmp_path)] == [None, None]


def test_one_archives_into_a_folder_at_a_time(office: Database, tmp_path: Path) -> None:
    with archiving._only_one(tmp_path), pytest.raises(OfficeError, match="Another process"):  # noqa: SLF001
        run(office, tmp_path)


def test_a_folder_that_cannot_be_used_is_named(office: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OfficeError, match=r"file/archive can't be used: Not a directory\.$"):
        run(office, tmp_path / "file" / "archive")


def test_nobody_else_can_read_the_files(office: Database, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    file = folder / str(run(office, folder)[0].file_name)
    assert [f"{path.stat().st_mode & 0o777:o}" for path in (folder, file)] == ["700", "600"]


def test_a_replay_leaves_what_is_archived(office: Database, tmp_path: Path) -> None:
    run(office, tmp_path)
    merge(office)
    execute(office, "INSERT INTO patient VALUES (5000, 'A', 'B', '1980-01-01')")
    before = clean_layer(office)
    assert replay(office) == []
    assert office.run(count_archived) == 3
    assert office.run(partial(count_archived, reason="unknown_patient")) == 1
    merge(office)
    assert rows(office, "SELECT * FROM staging.awaited_patient") == []
    assert clean_layer(office) == before
    assert broken(office, tmp_path) == []


def test_an_explanation_says_in_which_file_a_raw_row_is(office: Database, tmp_path: Path) -> None:
    file = run(office, tmp_path)[0].file_name
    with office.transaction(snapshot=True) as cursor:
        told = explain_claim(cursor, 1)
    assert [row["archived_in"] for row in told.raw_rows][:3] == [file] * 3
    assert told.raw_rows[-1]["archived_in"] is None
    assert told.raw_rows[0]["received_at"] == OLDER + timedelta(hours=12)
    assert [row["differences"] for row in told.raw_rows] == [[]] * len(told.raw_rows)
    text = "\n".join(claim_lines(told))
    assert f"The raw row is archived in {file}." in " ".join(text.split())
    assert "gone" not in text


def test_the_role_of_analytics_can_archive(office: Database, tmp_path: Path) -> None:
    with office.transaction() as cursor:
        cursor.execute("ALTER ROLE office_analytics PASSWORD 'best'")
    with closing(Database(login_as(office.dsn, "analytics", "best"))) as analytics:
        receive(office, OLD - timedelta(days=9), "claim", claim(7))
        merge(office)
        compute_and_publish(office, datetime.now(UTC))
        assert [each.raw_rows for each in run(analytics, tmp_path)] == [1, 5, 5]
    assert broken(office, tmp_path) == []


def test_a_rebuild_beside_which_a_day_is_archived_says_so(office: Database, tmp_path: Path) -> None:
    done: list[ArchivedDay] = []

    def meanwhile(*_: int) -> None:
        if not done:
            with closing(Database(office.dsn)) as other:
                done.extend(run(other, tmp_path))

    with pytest.raises(OfficeError, match="archived meanwhile; nothing was changed"):
        rebuild(office, batch_size=2, is_applied=True, archive=tmp_path, on_progress=meanwhile)
    assert [each.raw_rows for each in done] == [5, 5]
    assert compare(office, tmp_path) == []


def test_an_office_of_before_the_days_is_archived_as_a_whole(
    database: Database, tmp_path: Path
) -> None:
    execute(
        database,
        """
        CREATE TABLE staging.event_before_20260101 PARTITION OF staging.event
        FOR VALUES FROM (MINVALUE) TO ('2026-01-01')
        """,
    )
    execute(
        database,
        "INSERT INTO staging.event (stream, received_at) VALUES ('claim', '-infinity')",
    )
    receive(database, datetime(2025, 3, 1, tzinfo=UTC), "claim", claim(1))
    merge(database)
    compute_and_publish(database, datetime.now(UTC))
    [done] = run(database, tmp_path)
    assert (done.day, done.raw_rows, done.reason_left) == ("before 2026-01-01", 2, None)
    assert broken(database, tmp_path) == []
    assert compare(database, tmp_path) == []
