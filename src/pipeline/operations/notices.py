"""Tells receivers of troubles: what has begun, what has ended, the page to open, what to type.

`analytics.notice` holds what each receiver knows of each kind of trouble. A message is made of the
difference between that and what is there: trouble that came and went between two messages is not
told. A receiver gets at most one message an hour of a kind. One that can't be reached is tried
again after a pause, with what is there by then, so that nothing piles up.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from pipeline.core.database import Database, describe
from pipeline.core.notation import IN_UTC, Notation
from pipeline.core.settings import Settings
from pipeline.core.statements import Cursor, execute, fetch_all
from pipeline.operations.health import overdue_after
from pipeline.operations.trouble import WORDS, Kind, look, shown_subject

if TYPE_CHECKING:  # loading Apprise takes time and memory, and not everybody is told
    from pipeline.operations.receivers import Receiver

HOUR: Final = timedelta(hours=1)
PAUSE: Final = timedelta(minutes=5)
LOOK_SECONDS: Final = 60.0
STATEMENT_SECONDS: Final = 10.0
STOP_SECONDS: Final = 1.0
TROUBLES_SHOWN: Final = 5

# Is called after each try to tell a receiver of a kind: whether it has taken the message.
OnTold = Callable[[Kind, bool], object]

log = logging.getLogger(__name__)


class Tone(StrEnum):
    """What a message is: some services show it as a colour."""

    TROUBLE = "trouble"
    RELIEF = "relief"
    TEST = "test"


@dataclass(frozen=True)
class Message:
    """A message: a line, and a text."""

    title: str
    text: str
    tone: Tone


@dataclass(frozen=True)
class News:
    """What a receiver does not know yet of a kind of trouble."""

    kind: Kind
    begun: list[Any]
    ended: list[Any]
    goes_on: list[int]
    """The numbers of all troubles that go on."""


def tell(
    database: Database,
    receivers: Sequence["Receiver"],
    *,
    now: datetime,
    pages: str,
    notation: Notation = IN_UTC,
    on_told: OnTold = lambda _kind, _taken: None,
) -> None:
    """Tells each receiver what it does not know yet.

    No transaction is open while a message is under way.

    Args:
        database: the database.
        receivers: who is told.
        now: the time.
        pages: the address of the pages.
        notation: how times are written.
        on_told: is called for each message.
    """
    names = {"receivers": [each.name for each in receivers], "kinds": list(Kind)}
    database.run(lambda cursor: execute(cursor, "operations/notices/add_receivers", names))
    for receiver in receivers:
        for kind in Kind:
            news = database.run(partial(claim, receiver=receiver.name, kind=kind, now=now))
            if news:
                message = message_of(news, pages=pages, notation=notation)
                is_taken = _tell(database, receiver, news, message, now=now)
                on_told(kind, is_taken)


def claim(cursor: Cursor, *, receiver: str, kind: Kind, now: datetime) -> News | None:
    """What to tell a receiver now; None if there is nothing, or somebody else does it."""
    who = {"receiver": receiver, "kind": kind}
    limits = {"now": now, "hour": HOUR, "pause": PAUSE}
    claimed = fetch_all(cursor, "operations/notices/claim", {**who, **limits})
    if not claimed:
        return None
    known = {"kind": kind, "told": claimed[0].told}
    rows = fetch_all(cursor, "operations/notices/troubles", known)
    begun = [row for row in rows if not row.is_told]
    ended = [row for row in rows if row.ended_at]
    goes_on = sorted(row.trouble_id for row in rows if not row.ended_at)
    return News(kind, begun, ended, goes_on) if begun or ended else None


def _tell(
    database: Database, receiver: "Receiver", news: News, message: Message, *, now: datetime
) -> bool:
    """Tells a receiver, and records that it knows; whether it has taken the message."""
    is_taken = receiver.takes(message)
    said = {"receiver": receiver.name, "kind": str(news.kind)}
    if is_taken:
        told = {"receiver": receiver.name, "kind": news.kind, "told": news.goes_on, "now": now}
        database.run(lambda cursor: execute(cursor, "operations/notices/settle", told))
        log.info("told", extra=said)
    else:
        log.warning("receiver did not take a message; it is tried again", extra=said)
    return is_taken


# --- the message ---


def message_of(news: News, *, pages: str, notation: Notation) -> Message:
    """The message about news."""
    words = WORDS[news.kind]
    subject = shown_subject(news.kind, (news.begun or news.ended)[0].subject, notation)
    parts = [
        *_paragraph(words.begins, news.kind, news.begun, notation),
        *_paragraph(words.ends, news.kind, news.ended, notation),
        f"Page to open: {pages.rstrip('/')}/{words.page}",
        f"Command to type: python src/office.py {words.command.format(subject=subject)}",
    ]
    return Message(
        title=f"Doctor's office: {words.begins if news.begun else words.ends}",
        text="\n".join(parts),
        tone=Tone.TROUBLE if news.begun else Tone.RELIEF,
    )


def _paragraph(title: str, kind: Kind, troubles: list[Any], notation: Notation) -> list[str]:
    if not troubles:
        return []
    lines = [f"- {_line(kind, trouble, notation)}" for trouble in troubles[:TROUBLES_SHOWN]]
    more = len(troubles) - TROUBLES_SHOWN
    return [f"{title}:", *lines, *([f"- and {more} more"] if more > 0 else []), ""]


def _line(kind: Kind, trouble: Any, notation: Notation) -> str:  # noqa: ANN401  (a row)
    subject = shown_subject(kind, trouble.subject, notation)
    since = f"since {notation.minute(trouble.began_at)}"
    until = f" until {notation.minute(trouble.ended_at)}" if trouble.ended_at else ""
    return f"{subject}, {since}{until} {notation.zone_name}"


# --- the thread ---


@contextmanager
def telling(
    dsn: str,
    urls: SecretStr | None,
    *,
    pages: str,
    notation: Notation,
    patience: timedelta,
    on_told: OnTold,
) -> Iterator[None]:
    """Looks and tells in a thread of its own while the context lasts; without URLs it does nothing.

    Args:
        dsn: the database.
        urls: the Apprise URLs of those who are told.
        pages: the address of the pages.
        notation: how times are written.
        patience: how long ago the last analytics run may have ended.
        on_told: is called for each message.
    """
    if urls is None:
        yield
        return
    stop = threading.Event()
    tell_now = partial(tell, pages=pages, notation=notation, on_told=on_told)
    teller = partial(_tell_until, stop, dsn, urls, patience=patience, tell_now=tell_now)
    thread = threading.Thread(target=teller, name="notices", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_SECONDS)


def telling_as_set(
    dsn: str, settings: Settings, period: timedelta, *, on_told: OnTold
) -> AbstractContextManager[None]:
    """Tells like `telling`, whom and how the settings say.

    Args:
        dsn: the database.
        settings: the settings.
        period: the time between two analytics runs.
        on_told: is called for each message.
    """
    return telling(
        dsn,
        settings.notify_urls,
        pages=settings.pages_url,
        notation=settings.notation,
        patience=overdue_after(period),
        on_told=on_told,
    )


def _tell_until(
    stop: threading.Event,
    dsn: str,
    urls: SecretStr,
    *,
    patience: timedelta,
    tell_now: Callable[..., None],
) -> None:
    from pipeline.operations.receivers import open_receivers  # noqa: PLC0415  (as above)

    receivers = open_receivers(urls.get_secret_value())
    began = datetime.now(UTC)
    with closing(Database(dsn, name="notices", statement_seconds=STATEMENT_SECONDS)) as database:
        while not stop.is_set():
            now = datetime.now(UTC)
            look_now = partial(look, now=now, watching_since=began, patience=patience)
            try:
                database.run(look_now)
                tell_now(database, receivers, now=now)
            except Exception as error:  # noqa: BLE001  (the next look may go well)
                log.warning("nobody could be told", extra={"error": describe(error)})
            stop.wait(LOOK_SECONDS)
