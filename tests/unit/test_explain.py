import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from pipeline.core.contract import REASONS
from pipeline.core.statements import statement, statements_in
from pipeline.core.window import window_of

DATA_PAGE = Path(__file__).parents[2] / "docs" / "data.md"


def test_every_reason_of_the_contract_has_its_words_and_stands_in_the_documentation() -> None:
    contract = [
        name
        for name in statements_in("schema/repeatable")
        if re.search(r"/1[45][05]_\w*(event|contract)", name)
    ]
    reasons = {
        reason
        for name in contract
        for reason in re.findall(r"(?:THEN|ELSE) '([a-z0-9_]+)'", statement(name))
    }
    assert len(contract) >= 5
    # A payload that is 'readable' is not rejected. 'unprocessable' is given by the merge itself.
    assert "readable" in reasons
    assert set(REASONS) == reasons - {"readable"} | {"unprocessable"}
    documented = re.findall(
        r"^\| `([a-z0-9_]+)` \|", DATA_PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(REASONS) <= set(documented)


@pytest.mark.parametrize(
    ("moment", "start"),
    [
        ("2026-05-04T12:00:00+00:00", "2026-05-04T12:00"),
        ("2026-05-04T12:09:59.999999+00:00", "2026-05-04T12:00"),
        ("2026-05-04T12:10:00+00:00", "2026-05-04T12:10"),
        ("2026-05-04T00:05:00+05:45", "2026-05-03T18:20"),
        ("1969-12-31T23:59:59+00:00", "1969-12-31T23:50"),
        ("0001-01-01T00:00:00+00:00", "0001-01-01T00:00"),
    ],
)
def test_the_window_of_a_moment_begins_on_the_dot_in_utc(moment: str, start: str) -> None:
    found = window_of(datetime.fromisoformat(moment), timedelta(minutes=10))
    assert found == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("minutes", "start"),
    [(15, "12:15"), (1, "12:29"), (60, "12:00"), (90, "12:00"), (1440, "00:00")],
)
def test_a_window_begins_on_a_multiple_of_its_length(minutes: int, start: str) -> None:
    moment = datetime(2026, 5, 4, 12, 29, 59, 999_999, UTC)
    assert f"{window_of(moment, timedelta(minutes=minutes)):%H:%M}" == start


def test_a_moment_beyond_time_is_none() -> None:
    with pytest.raises(OverflowError):
        window_of(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), timedelta(minutes=10))
