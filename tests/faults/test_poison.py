"""Each class of poison, by both doors, between good events: one outcome, and the stream goes on."""

import re
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest

from faults.poison import POISON, Poison
from faults.staged import Staged, broken_promises, read_staged, receive_at
from generators import PATIENTS, RECEIVED_AT, changed
from ingestor import on_arrival
from integration.events import claim, diagnose, empty, merge
from model import merge as modelled
from models.subscriber import Subscriber
from pipeline.core.database import Database
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.staging.append import load_lines
from utils.pipeline_utils import Channel

GOOD: dict[str, Callable[[int], bytes]] = {"claim": claim, "diagnose": diagnose}
BEFORE, AFTER = 1001, 1002

Send = Callable[[Database, str, list[bytes]], None]


def by_callback(database: Database, stream: str, payloads: list[bytes]) -> None:
    """Through the ingestor's own callback, all in one commit."""
    on_arrival(database, stream)(payloads)


def by_load(database: Database, stream: str, payloads: list[bytes]) -> None:
    """As the lines of a file."""
    file = BytesIO(b"".join(payload + b"\n" for payload in payloads))
    assert sum(load_lines(database, stream, file)) == len(payloads)


def is_one_line(payload: bytes) -> bool:
    """Whether a line of a file can be just this."""
    return payload != b"" and b"\n" not in payload and not payload.endswith(b"\r")


@pytest.fixture(scope="module")
def own_database(lonely_database: Database) -> Iterator[Database]:
    receive_at(lonely_database, RECEIVED_AT)
    yield lonely_database
    with lonely_database.transaction() as cursor:
        cursor.execute("ALTER TABLE staging.event ALTER received_at SET DEFAULT now()")


@pytest.fixture
def database(own_database: Database) -> Database:
    empty(own_database)
    return own_database


def staged_between_good_ones(
    database: Database, send: Send, stream: str, payloads: list[bytes]
) -> list[Staged]:
    """Sends payloads with a good event before and after them, merges, and reads all back."""
    sent = [GOOD[stream](BEFORE), *payloads, GOOD[stream](AFTER)]
    send(database, stream, sent)
    merge(database)
    staged = read_staged(database)
    assert [row.raw.payload for row in staged] == sent
    return staged


@pytest.mark.parametrize("send", [by_callback, by_load])
@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison.name)
def test_one_outcome_with_its_reason_and_the_stream_goes_on(
    database: Database, poison: Poison, send: Send
) -> None:
    payloads = [
        payload for payload in poison.payloads if send is not by_load or is_one_line(payload)
    ]
    before, *staged, after = staged_between_good_ones(database, send, poison.stream, payloads)
    for good in (before, after):
        assert good.outcome is not None
        assert good.outcome.fate == "merged"
    for row in staged:
        assert row.outcome is not None
        assert row.outcome.reason == poison.reason
        assert (row.outcome.fate == "rejected") == (poison.reason is not None)
    assert [row.outcome for row in (before, *staged, after)] == modelled(
        [row.raw for row in (before, *staged, after)], PATIENTS
    ).outcomes


def test_all_of_it_in_a_row_through_a_subscriber(database: Database) -> None:
    for stream in ("claim", "diagnose"):
        channel = Channel(capacity=1_000)
        payloads = [
            payload
            for poison in POISON
            if poison.stream == stream
            for payload in (*poison.payloads, GOOD[stream](BEFORE))
        ]
        for payload in payloads:
            assert channel.publish(payload, timeout=0)
        subscriber = Subscriber(channel, on_arrival(database, stream), name=stream)
        subscriber.start()
        assert subscriber.stop(60)
        assert subscriber.acknowledged == len(payloads)
    merge(database)
    staged = read_staged(database)
    assert [row.outcome for row in staged] == modelled(
        [row.raw for row in staged], PATIENTS
    ).outcomes
    assert broken_promises(database) == []


# --- what a file makes of line ends ---


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"\n\r\n\n", []),
        (b" \n", [b" "]),
        (b"a\rb\n", [b"a\rb"]),
        (b"a\r\n", [b"a"]),
        (b"a\r\r\n", [b"a\r"]),
        (b'{"id": 1,\n"a": 2}\n', [b'{"id": 1,', b'"a": 2}']),
        ("a\u2028b\u0085c\vd\fe\n".encode(), ["a\u2028b\u0085c\vd\fe".encode()]),
        (b"\xff\xfe\n\0", [b"\xff\xfe", b"\0"]),
        (b"\\.\n\\N\nlast", [b"\\.", b"\\N", b"last"]),
    ],
)
def test_a_line_is_what_stands_before_its_end(
    database: Database, text: bytes, lines: list[bytes]
) -> None:
    assert sum(load_lines(database, "claim", BytesIO(text))) == len(lines)
    assert [row.raw.payload for row in read_staged(database)] == lines


# --- sizes that memory feels ---


@pytest.mark.parametrize(
    ("filling", "send"),
    [
        (b"x", by_callback),
        (b"x", by_load),
        (b"\xff", by_callback),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_a_string_of_64_mebibytes(database: Database, filling: bytes, send: Send) -> None:
    start, end = changed("claim", more='"@"').encode().split(b"@")
    payload = start + filling * (64 * 1024 * 1024) + end
    _, row, after = staged_between_good_ones(database, send, "claim", [payload])
    assert row.outcome is not None
    assert row.outcome.reason == ("not_json" if filling == b"\xff" else "too_large")
    assert after.outcome is not None
    assert after.outcome.fate == "merged"


# --- the table itself ---


def test_there_are_at_least_60_classes_each_with_a_name_of_its_own() -> None:
    assert len({poison.name for poison in POISON}) == len(POISON) >= 60
    assert all(poison.payloads for poison in POISON)


def test_every_documented_reason_and_no_other_occurs() -> None:
    documented = re.findall(
        r"^\| `(\w+)` \| [^|]+ \|$",
        (PROJECT_FOLDER / "docs" / "data.md")
        .read_text(encoding="utf-8")
        .partition("| reason |")[2],
        re.MULTILINE,
    )
    # Where ids are per office there is one more, which test_offices.py has.
    contract = {poison.reason for poison in POISON} - {None} | {"bad_office"}
    assert contract == set(documented[: documented.index("unknown_patient") + 1])
