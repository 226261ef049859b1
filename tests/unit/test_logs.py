import logging
import re
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import pytest

from pipeline.core.logs import LogfmtFormatter, configure_logging

HEAD = "time=2026-11-24T14:00:02.120Z level=info logger=pipeline.merge.merge "

# A value as logfmt is read: bare, or in double quotes with backslashes for what would end it.
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s"]+)')

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def line(event: str, *, exc_info: ExcInfo | None = None, **fields: Any) -> str:  # noqa: ANN401
    record = logging.makeLogRecord(
        {"name": "pipeline.merge.merge", "levelname": "INFO", "msg": event}
    )
    record.created = datetime(2026, 11, 24, 14, 0, 2, 120_000, UTC).timestamp()
    record.exc_info = exc_info
    vars(record).update(fields)
    return LogfmtFormatter().format(record)


def test_an_event_is_a_line_with_its_fields() -> None:
    written = line("batch merged", stream="claim", run_id=12, merged=9, seconds=0.01234)
    assert written == f'{HEAD}event="batch merged" stream=claim run_id=12 merged=9 seconds=0.012'


def test_an_event_of_one_word_needs_no_quotes() -> None:
    assert line("receiving") == f"{HEAD}event=receiving"


@pytest.mark.parametrize(
    "value",
    ["a b", "", 'say "no"', "a=b", "one\ntwo\r", "a\\b", "\x1b[31m", "é", "\u2028", "\x85"],
)
def test_a_line_stays_a_line_and_can_be_read_back(value: str) -> None:
    written = line("x", said=value, then="next")
    assert len(written.splitlines()) == 1
    assert written.isascii()
    assert written.isprintable()
    pairs = dict(PAIR.findall(written))
    assert pairs.keys() == {"time", "level", "logger", "event", "said", "then"}
    assert pairs["then"] == "next"


def test_of_an_exception_the_kind_is_told_and_no_text() -> None:
    error = ValueError("Key (id)=(4711) of Ada Castro")
    written = line("failed", exc_info=(ValueError, error, None))
    assert written == f"{HEAD}event=failed error=ValueError"


def test_arguments_of_a_library_s_message_are_put_in() -> None:
    record = logging.makeLogRecord({"msg": "job %s", "args": ("a b",), "levelname": "WARNING"})
    assert 'event="job a b"' in LogfmtFormatter().format(record)


@pytest.mark.usefixtures("logging_restored")
def test_what_is_logged_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("office").info("started", extra={"schema": "060_roles"})
    logging.getLogger("great_expectations").error("Key (id)=(4711)")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("level=info logger=office event=started schema=060_roles\n")
    assert "4711" not in said.err
