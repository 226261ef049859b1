"""Somebody is told: of what begins and what ends, by real receivers on this machine."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from commands.notify import notify_command
from integration.events import claim, rows, stage_and_merge
from integration.receivers import mail_receiver, web_receiver
from pipeline.archive.archive import ArchivedDay
from pipeline.core.database import Database
from pipeline.core.logs import LogfmtFormatter, configure_logging
from pipeline.core.notation import IN_UTC, Notation
from pipeline.operations.notices import Message, Tone, tell, telling
from pipeline.operations.receivers import Receiver, open_receivers
from pipeline.operations.trouble import (
    WORDS,
    Kind,
    archive_ended,
    archive_failed,
    look,
    reconciled,
    record,
    run_ended,
)
from pipeline.quality.checks import CheckResult
from pipeline.quality.cycle import CycleResult

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PAGES = "http://localhost:8081/"
STATED: dict[str, Any] = {"pages": PAGES, "notation": IN_UTC, "patience": HOUR}
NOWHERE = "json://127.0.0.1:9/t0ken?cto=1&rto=1"

Taken = list[dict[str, Any]]


@dataclass
class Web:
    """A receiver over HTTP, with what it has taken."""

    url: str
    taken: Taken

    @property
    def titles(self) -> list[str]:
        return [message["title"].removeprefix("Doctor's office: ") for message in self.taken]


@pytest.fixture
def web() -> Iterator[Web]:
    with web_receiver() as (url, taken):
        yield Web(url, taken)


def found(database: Database, kind: Kind, *subjects: str, at: datetime = NOON) -> None:
    """These are all the troubles of a kind that are there."""
    database.run(partial(record, kind=kind, found=dict.fromkeys(subjects, at), now=at))


def tell_at(
    database: Database, now: datetime, *urls: str, notation: Notation = IN_UTC
) -> list[tuple[Kind, bool]]:
    """Tells the receivers; what of, and whether each message was taken."""
    told: list[tuple[Kind, bool]] = []
    receivers = open_receivers(" ".join(urls))
    tell(
        database,
        receivers,
        now=now,
        pages=PAGES,
        notation=notation,
        on_told=lambda *each: told.append(each),
    )
    return told


def test_what_begins_and_what_ends_is_told_once_each(database: Database, web: Web) -> None:
    found(database, Kind.HELD_BACK, "2026-05-04T11:40Z")
    assert tell_at(database, NOON, web.url) == [(Kind.HELD_BACK, True)]
    assert tell_at(database, NOON + 3 * HOUR, web.url) == []
    found(database, Kind.HELD_BACK, at=NOON + 4 * HOUR)
    assert tell_at(database, NOON + 4 * HOUR, web.url) == [(Kind.HELD_BACK, True)]
    assert tell_at(database, NOON + 9 * HOUR, web.url) == []
    begun, ended = web.taken
    assert begun["type"] == "warning"
    assert begun["title"] == "Doctor's office: A check holds figures back"
    assert begun["message"].splitlines() == [
        "A check holds figures back:",
        "- 2026-05-04T11:40Z, since 2026-05-04 12:00 UTC",
        "",
        "Page to open: http://localhost:8081/quality.html",
        "Command to type: python src/office.py explain window 2026-05-04T11:40Z",
    ]
    assert ended["type"] == "success"
    assert ended["message"].splitlines()[:2] == [
        "Figures are no longer held back:",
        "- 2026-05-04T11:40Z, since 2026-05-04 12:00 until 2026-05-04 16:00 UTC",
    ]


def test_times_are_written_in_the_time_zone_of_the_practice(database: Database, web: Web) -> None:
    berlin = Notation(zone=ZoneInfo("Europe/Berlin"))
    clocks_set_back = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    found(database, Kind.HELD_BACK, "2026-10-25T00:40Z", at=clocks_set_back)
    tell_at(database, clocks_set_back, web.url, notation=berlin)
    [message] = web.taken
    assert message["message"].splitlines() == [
        "A check holds figures back:",
        "- 2026-10-25T02:40+02:00, since 2026-10-25 02:00+01:00 Europe/Berlin",
        "",
        "Page to open: http://localhost:8081/quality.html",
        "Command to type: python src/office.py explain window 2026-10-25T02:40+02:00",
    ]


def test_a_burst_is_one_message_an_hour_a_kind(database: Database, web: Web) -> None:
    for minute in range(120):
        now = NOON + minute * MINUTE
        found(database, Kind.WARNING, *(f"check {n}" for n in range(minute % 9)), at=now)
        found(database, Kind.UNBALANCED, *(["claim"] if minute % 2 else []), at=now)
        tell_at(database, now, web.url)
    unbalanced = WORDS[Kind.UNBALANCED]
    assert sorted(web.titles) == sorted(
        [WORDS[Kind.WARNING].begins] * 2 + [unbalanced.begins, unbalanced.ends]
    )


def test_what_came_and_went_between_two_messages_is_not_told(database: Database, web: Web) -> None:
    found(database, Kind.WARNING, "one")
    tell_at(database, NOON, web.url)
    found(database, Kind.WARNING, "one", "two")
    found(database, Kind.WARNING, "one", "three")
    tell_at(database, NOON + 2 * HOUR, web.url)
    assert [message["message"].splitlines()[1] for message in web.taken] == [
        "- one, since 2026-05-04 12:00 UTC",
        "- three, since 2026-05-04 12:00 UTC",
    ]
    assert "two" not in web.taken[1]["message"]


def test_a_long_list_is_cut(database: Database, web: Web) -> None:
    found(database, Kind.WARNING, *(f"check {n:03}" for n in range(144)))
    tell_at(database, NOON, web.url)
    assert web.taken[0]["message"].splitlines()[5:7] == [
        "- check 004, since 2026-05-04 12:00 UTC",
        "- and 139 more",
    ]


def test_mail_arrives(database: Database) -> None:
    with mail_receiver() as (url, taken):
        found(database, Kind.SILENT_STREAM, "claim")
        assert tell_at(database, NOON, url) == [(Kind.SILENT_STREAM, True)]
    [mail] = taken
    assert "A stream is silent for longer than it usually is" in mail
    assert "claim, since 2026-05-04 12:00 UTC" in mail
    assert "python src/office.py status" in mail


def test_a_receiver_that_is_away_is_tried_again_with_what_is_there_then(
    database: Database, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    found(database, Kind.WARNING, "one")
    assert tell_at(database, NOON, NOWHERE, web.url) == [
        (Kind.WARNING, False),
        (Kind.WARNING, True),
    ]
    assert "it is tried again" in caplog.text
    assert tell_at(database, NOON + MINUTE, NOWHERE, web.url) == []
    found(database, Kind.WARNING, "two")
    with web_receiver() as (url, taken):
        # The same receiver as before: what is shown of its URL is the same.
        told = tell_at(database, NOON + 6 * MINUTE, url, web.url)
    assert told == [(Kind.WARNING, True)]
    [message] = taken
    assert message["message"].splitlines()[1] == "- two, since 2026-05-04 12:00 UTC"
    assert len(web.taken) == 1


def test_a_receiver_that_refuses_has_not_taken_it(database: Database) -> None:
    found(database, Kind.WARNING, "one")
    with web_receiver(status=HTTPStatus.FORBIDDEN) as (url, _):
        assert tell_at(database, NOON, url) == [(Kind.WARNING, False)]


def test_a_receiver_that_hangs_is_given_up_and_sent_nothing_more() -> None:
    let_go = threading.Event()

    def hang(_: Message) -> bool:
        let_go.wait(10)
        return True

    receiver = Receiver("slow://", hang)
    message = Message("title", "text", Tone.TEST)
    assert not receiver.takes(message, seconds=0.01)
    assert not receiver.takes(message, seconds=30)
    let_go.set()
    assert Receiver("quick://", lambda _: True).takes(message)


def test_two_processes_tell_once(database: Database, web: Web) -> None:
    found(database, Kind.WARNING, "one")
    found(database, Kind.UNBALANCED, "claim")
    tell_at(database, NOON - 24 * HOUR)

    def tell_once() -> None:
        with closing(Database(database.dsn)) as other:
            tell_at(other, NOON, web.url)

    threads = [threading.Thread(target=tell_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(web.titles) == sorted([WORDS[Kind.WARNING].begins, WORDS[Kind.UNBALANCED].begins])


# --- what is looked for ---


def look_at(database: Database, now: datetime, *, since: datetime) -> None:
    patience = timedelta(minutes=20)
    database.run(partial(look, now=now, watching_since=since, patience=patience))


def going_on(database: Database) -> set[tuple[str, str]]:
    return set(rows(database, "SELECT kind, subject FROM analytics.trouble WHERE ended_at IS NULL"))


def test_a_stream_that_falls_silent_and_speaks_again(database: Database) -> None:
    stage_and_merge(database, "claim", *(claim(number) for number in range(20)))
    # They arrived over the last ten minutes, the newest of them six minutes ago.
    with database.transaction() as cursor:
        cursor.execute("""
            UPDATE staging.event
            SET received_at = now() - interval '6 minutes' - (20 - seq) * interval '30 seconds';
            UPDATE staging.merge_cursor SET taken_at = now() - interval '6 minutes'
            WHERE stream = 'claim'
            """)
    now = datetime.now(UTC)
    look_at(database, now, since=now - HOUR)
    assert ("silent_stream", "claim") in going_on(database)
    # A restart neither ends nor repeats it.
    look_at(database, now + MINUTE, since=now + MINUTE)
    assert ("silent_stream", "claim") in going_on(database)
    stage_and_merge(database, "claim", claim(20))
    look_at(database, datetime.now(UTC), since=now)
    assert ("silent_stream", "claim") not in going_on(database)
    assert rows(
        database, "SELECT count(*) FROM analytics.trouble WHERE kind = 'silent_stream'"
    ) == [(1,)]


def test_a_run_that_is_missed_is_over_with_the_next_run(database: Database) -> None:
    look_at(database, NOON, since=NOON - 19 * MINUTE)
    assert going_on(database) == set()
    look_at(database, NOON, since=NOON - 20 * MINUTE)
    assert going_on(database) == {("missed_run", "analytics")}
    with database.transaction() as cursor:
        cursor.execute(
            """
            INSERT INTO analytics.quality_run
            (verdict, merged_from, merged_through, closed_before, started_at, finished_at)
            VALUES ('nothing_due', 0, 0, now(), now(), %s)
            """,
            [NOON],
        )
    look_at(database, NOON + MINUTE, since=NOON - HOUR)
    assert going_on(database) == set()


def test_a_run_reports_checks_that_warn_and_streams_that_do_not_add_up(database: Database) -> None:
    checks = [
        CheckResult("staging", "At most a few conflicts.", "warning", "failed"),
        CheckResult("staging", "Most of it is new.", "warning", "passed"),
        CheckResult("claim", "Known patients.", "critical", "failed"),
        CheckResult("claim", "Five digits.", "info", "failed"),
    ]
    result = CycleResult(1, "published", [], [], checks)
    unbalanced = [SimpleNamespace(stream="claim")]
    database.run(partial(run_ended, result=result, now=NOON))
    database.run(partial(reconciled, unbalanced=unbalanced, now=NOON))
    assert going_on(database) == {
        ("warning", "staging: At most a few conflicts."),
        ("unbalanced", "claim"),
    }
    passed = CycleResult(2, "published", [], [], [])
    database.run(partial(run_ended, result=passed, now=NOON))
    database.run(partial(reconciled, unbalanced=[], now=NOON))
    assert going_on(database) == set()


def test_days_that_are_left_are_reported(database: Database) -> None:
    left = ArchivedDay("2026-01-02", reason_left="1 of its raw rows has no outcome yet")
    days = [left, ArchivedDay("2026-01-03", raw_rows=5, file_name="a")]
    database.run(partial(archive_ended, days=days, now=NOON))
    assert going_on(database) == {("unarchived", "2026-01-02")}
    database.run(partial(archive_failed, now=NOON))
    assert going_on(database) == {("unarchived", "the archive")}
    database.run(partial(archive_ended, days=[], now=NOON))
    assert going_on(database) == set()


# --- the thread ---


def test_without_urls_there_is_no_thread(database: Database) -> None:
    before = threading.active_count()
    with telling(database.dsn, None, on_told=lambda *_: None, **STATED):
        assert threading.active_count() == before


def test_the_thread_tells_and_goes_on_if_the_database_is_away(
    database: Database, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    found(database, Kind.UNBALANCED, "claim")
    urls = SecretStr(web.url)
    told = threading.Event()
    with telling(database.dsn, urls, on_told=lambda *_: told.set(), **STATED):
        assert told.wait(30)
    assert web.titles == [WORDS[Kind.UNBALANCED].begins]
    with telling("host=127.0.0.1 port=9 dbname=x", urls, on_told=lambda *_: None, **STATED):
        deadline = time.monotonic() + 30
        while "nobody could be told" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.02)


# --- the command ---


def notify(*arguments: str, urls: str = "") -> tuple[object, str]:
    """How the command ends, and what it prints."""
    done = CliRunner().invoke(notify_command, arguments, env={"OFFICE_NOTIFY_URLS": urls})
    logging.basicConfig(force=True)
    return getattr(done.exception, "exit_code", done.exit_code), done.stdout


def test_the_command_tries_each_receiver(web: Web) -> None:
    assert notify("--test", urls=web.url) == (0, "json://127.0.0.1: taken\n")
    [message] = web.taken
    assert (message["type"], message["title"]) == ("info", "Doctor's office: a test")
    assert notify("--test", urls=f"{web.url} {NOWHERE}") == (
        1,
        "json://127.0.0.1: taken\njson://127.0.0.1 (2): not taken\n",
    )
    assert notify(urls=NOWHERE) == (0, "json://127.0.0.1\n")
    assert notify("--test") == (2, "")


# --- what may be shown ---


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        ("json://user:pass@host.example:8080/path?x=1", ["json://host.example"]),
        ("mailto://user:pass@example.org?to=a@example.org,b@example.org", ["mailto://example.org"]),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ["slack://"]),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", ["tgram://"]),
        ("ntfy://a-secret-topic", ["ntfy://"]),
        (
            "json://a, json://b\n json://a ,json://a",
            ["json://a", "json://b", "json://a (2)", "json://a (3)"],
        ),
        ("nonsense://secret/path", ["nonsense:// (which is no URL of Apprise)"]),
        ("secret", ["a text (which is no URL of Apprise)"]),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(urls: str, names: list[str]) -> None:
    assert [receiver.name for receiver in open_receivers(urls)] == names


@pytest.mark.parametrize(
    "url",
    [
        "json://s3cret:s3cret@127.0.0.1:9/s3cret?cto=1&rto=1&+s3cret=s3cret",
        "mailto://s3cret:s3cret@127.0.0.1:9?cto=1&to=s3cret@example.org",
        "nonsense://s3cret",
        "json://[s3cret",
    ],
)
@pytest.mark.usefixtures("logging_restored")
def test_nothing_secret_is_logged(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(level=logging.DEBUG)
    [receiver] = open_receivers(url)
    assert not receiver.takes(Message("title", "text", Tone.TEST))
    logging.getLogger("some.module").warning("not taken", extra={"receiver": receiver.name})
    shown = "".join(capfd.readouterr())
    assert "not taken" in shown
    assert "s3cret" not in shown
    assert "s3cret" not in LogfmtFormatter().format(logging.makeLogRecord({"msg": receiver.name}))
