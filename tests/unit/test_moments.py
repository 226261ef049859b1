"""Times on the command line: local, if they have no offset."""

from datetime import UTC, datetime

import click
import pytest

from commands.common import parse_moment


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFICE_TIMEZONE", "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-04T12:00", datetime(2026, 5, 4, 10, tzinfo=UTC)),
        ("2026-11-24T14:20", datetime(2026, 11, 24, 13, 20, tzinfo=UTC)),
        ("2026-05-04", datetime(2026, 5, 3, 22, tzinfo=UTC)),
        ("2026-05-04T12:00Z", datetime(2026, 5, 4, 12, tzinfo=UTC)),
        ("2026-10-25T02:30+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_local(text: str, moment: datetime) -> None:
    assert parse_moment(text, "T") == moment


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "2026-10-25T02:30",
            (
                "comes twice in Europe/Berlin, because the clocks are set back; write "
                "2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00"
            ),
        ),
        (
            "2027-03-28T02:30",
            (
                "doesn't exist in Europe/Berlin, because the clocks are set forward; "
                "write it with an offset"
            ),
        ),
        ("0001-01-01T00:00", "is too far away"),
        ("yesterday", "is not a time like 2026-11-24T14:00Z"),
    ],
)
def test_a_time_that_comes_twice_or_never_is_refused_in_words(text: str, reason: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        parse_moment(text, "T")
    assert refused.value.message == f"{text!r} {reason}"
