"""Rows that commit behind the merge's cursor are found; old transactions cost the merge nothing.

What a merge reads is told by the server, which counts the pages that a statement looks at.
"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection

from integration.ahead import type_ahead_of_any
from integration.counting import Counting
from integration.events import claim, fates, rows
from pipeline.core import database as database_module
from pipeline.core.database import Database
from pipeline.core.link import WatchedNamedTupleCursor
from pipeline.core.statements import Cursor, fetch_one
from pipeline.merge import merge as merge_module
from pipeline.merge.merge import merge_stream
from pipeline.merge.replay import replay
from pipeline.operations import status as status_module
from pipeline.operations.metrics import read_streams, stream_families
from pipeline.operations.status import read_status
from pipeline.staging.append import append

MANY = 20_000
FEW = 100
ARRIVALS = """
    INSERT INTO staging.event (stream, payload)
    SELECT 'claim', format('{"id": %%s, "patient_id": 1, "code": "A", "price": 1}', number)
    FROM generate_series(1, %s) AS number
    """
# The schedules of the interleaving test: few in the usual run, many by `make properties`.
SEEDS = 8 * round(float(os.environ.get("OFFICE_EXAMPLES", "1")))


Pages = Callable[[], int]


@pytest.fixture
def pages_of_a_merge(database: Database, monkeypatch: pytest.MonkeyPatch) -> Pages:
    """Merges without a sweep; the pages that the merge looked at."""

    def merge_counting() -> int:
        Counting.pages = 0
        with monkeypatch.context() as patch:
            patch.setattr(database_module, "WatchedNamedTupleCursor", Counting)
            merge_by_cursor(database)
        return Counting.pages

    return merge_counting


def merge_by_cursor(database: Database, batch_size: int = MANY) -> None:
    list(merge_stream(database, "claim", batch_size=batch_size, sweep=None))


def arrive(database: Database, many: int) -> None:
    with database.transaction() as cursor:
        cursor.execute(ARRIVALS, (many,))


@contextmanager
def forgotten(url: str, *statements: str) -> Iterator[connection]:
    """A transaction that stays open."""
    with closing(psycopg2.connect(url)) as opened:
        with opened.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
            for statement in statements:
                cursor.execute(statement)
        yield opened
        opened.rollback()


WROTE_A_ROW = f"INSERT INTO staging.event (stream, payload) VALUES ('claim', '{claim(0).decode()}')"


@pytest.mark.parametrize("where", ["nowhere", "elsewhere", "here", "here, after a raw row"])
def test_a_merge_reads_what_is_new_whatever_transaction_is_forgotten(
    database: Database,
    make_database: Callable[[], str],
    pages_of_a_merge: Pages,
    where: str,
) -> None:
    url = make_database() if where in ("elsewhere", "nowhere") else database.dsn
    wrote = [WROTE_A_ROW] if where == "here, after a raw row" else []
    with forgotten(url, *wrote) as opened:
        if where == "nowhere":
            opened.rollback()
        merge_by_cursor(database)
        at_first = pages_of_a_merge()
        arrive(database, MANY)
        merge_by_cursor(database)
        # This one looks once more at what the last one took, as transactions may have ended since.
        merge_by_cursor(database)
        assert pages_of_a_merge() <= at_first + FEW
        arrive(database, 10)
        assert pages_of_a_merge() <= at_first + 10 * FEW
        assert pages_of_a_merge() <= at_first + FEW
        assert pages_of_a_merge() <= at_first + FEW
        opened.commit()
    merge_by_cursor(database)
    assert set(fates(database)) == {"merged", "duplicate"}
    assert rows(database, "SELECT count(*) FROM claim") == [(MANY + len(wrote),)]


def test_pages_are_counted(database: Database, pages_of_a_merge: Pages) -> None:
    arrive(database, MANY)
    assert pages_of_a_merge() > MANY


def test_only_what_writes_raw_rows_is_kept_in_mind(database: Database) -> None:
    with (
        forgotten(database.dsn, "SELECT count(*) FROM staging.event", "DELETE FROM claim"),
        forgotten(database.dsn, WROTE_A_ROW, "SAVEPOINT a", WROTE_A_ROW) as writer,
    ):
        arrive(database, 1)
        merge_by_cursor(database)
        merge_by_cursor(database)
        [(xid,)] = rows(database, "SELECT xid::text FROM staging.look_back")
        with writer.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()::text")
            assert cursor.fetchall() == [(xid,)]
    merge_by_cursor(database)
    assert rows(database, "SELECT * FROM staging.look_back") == []


def test_a_writer_that_ends_while_a_merge_looks_back_is_looked_for_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forgotten(database.dsn, WROTE_A_ROW) as writer:
        arrive(database, 1)
        merge_by_cursor(database)

        def look_and_let_commit(cursor: Cursor, name: str, given: dict[str, Any]) -> object:
            found = fetch_one(cursor, name, given)
            if name == "merge/next_behind":
                writer.commit()
            return found

        with monkeypatch.context() as patch:
            patch.setattr(merge_module, "fetch_one", look_and_let_commit)
            merge_by_cursor(database)
    assert fates(database) == ["pending", "merged"]
    merge_by_cursor(database)
    assert fates(database) == ["merged", "merged"]


@pytest.mark.parametrize(
    ("short", "near", "whole"),
    [
        ("750", "800", "750"),
        ("900", "800", "900"),
        ("5", "4294967300", "4294967301"),
        ("4294967290", "4294967300", "4294967290"),
        ("2147484000", "8589934600", "6442451296"),
    ],
)
def test_a_transactions_number_gets_its_epoch(
    database: Database, short: str, near: str, whole: str
) -> None:
    found = rows(database, f"SELECT staging.whole_xid('{short}', '{near}')::text")
    assert found == [(whole,)]


def test_the_oldest_transaction_of_the_server_is_named(
    lonely_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"{lonely_database.dsn.rsplit('/', 1)[0]}/postgres"
    with forgotten(elsewhere) as opened:
        assert lonely_database.run(read_status).old_transaction is None
        monkeypatch.setattr(status_module, "OLD_TRANSACTION", timedelta())
        old = lonely_database.run(read_status).old_transaction
        assert old is not None
        assert (old.database_name, old.pid) == ("postgres", opened.info.backend_pid)
        families = stream_families(lonely_database.run(read_streams))
        [age] = [each for each in families if each.name == "office_oldest_transaction_seconds"]
        assert age.samples[0].value > 0
    assert lonely_database.run(read_status).old_transaction != old


@dataclass
class Writers:
    """Connections that append, commit and roll back at random, each in its own time."""

    dsn: str
    dice: random.Random
    open: list[connection] = field(default_factory=list)
    number: int = 0

    def act(self) -> None:
        """One step of one of them."""
        step = self.dice.choice(["begin", "append", "append", "append", "commit", "commit", "undo"])
        if step == "begin" and len(self.open) < 4:
            self.open.append(self._begun(psycopg2.connect(self.dsn)))
        elif self.open:
            writer = self.dice.choice(self.open)
            if step == "append":
                self.append(writer)
            else:
                self.end(writer, commits=step == "commit")

    def _begun(self, opened: connection) -> connection:
        # Some have a number long before they append.
        if self.dice.random() < 0.5:
            with opened.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id()")
        return opened

    def append(self, writer: connection) -> None:
        """Appends one or more rows, now and then behind a savepoint that is undone."""
        with writer.cursor() as cursor:
            if self.dice.random() < 0.2:
                cursor.execute("SAVEPOINT undone")
                append(cursor, "claim", [claim(self.number)])
                cursor.execute("ROLLBACK TO undone")
            for _ in range(self.dice.randint(1, 3)):
                self.number += 1
                patient = self.dice.choice([1, 5000])
                append(cursor, "claim", [claim(self.number, patient=patient)])

    def end(self, writer: connection, *, commits: bool) -> None:
        """Ends a transaction; the connection may go on with another."""
        if commits:
            writer.commit()
        else:
            writer.rollback()
        if self.dice.random() < 0.5:
            self.open.remove(writer)
            writer.close()

    def end_all(self) -> None:
        """Commits all."""
        for writer in list(self.open):
            writer.commit()
            writer.close()
        self.open.clear()


def interleaving(writers: Writers) -> type[WatchedNamedTupleCursor]:
    """Cursors before whose statements writers act, so often that the merge can keep up."""
    actions = iter(range(40))

    class Interleaving(WatchedNamedTupleCursor):
        def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002, ANN401
            while writers.dice.random() < 0.5 and next(actions, None) is not None:
                writers.act()
            super().execute(query, vars)  # type: ignore[no-untyped-call]

    return Interleaving


def pending_rows(database: Database) -> set[int]:
    return {seq for (seq,) in rows(database, "SELECT seq FROM staging.pending_row")}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whenever_writers_commit_the_next_merge_takes_their_rows(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    if seed % 2:
        type_ahead_of_any(monkeypatch, in_turn=True)
    dice = random.Random(seed)
    writers = Writers(database.dsn, dice)
    for _ in range(12):
        for _ in range(dice.randint(0, 6)):
            writers.act()
        waiting = pending_rows(database)
        assert database.run(read_status).streams[0].pending == len(waiting)
        with monkeypatch.context() as patch:
            patch.setattr(database_module, "WatchedNamedTupleCursor", interleaving(writers))
            merge_by_cursor(database, batch_size=dice.choice([1, 3, 100]))
        assert not waiting & pending_rows(database)
        if dice.random() < 0.1:
            replay(database)
    writers.end_all()
    merge_by_cursor(database)
    assert pending_rows(database) == set()
    merge_by_cursor(database)
    assert rows(database, "SELECT * FROM staging.look_back") == []
