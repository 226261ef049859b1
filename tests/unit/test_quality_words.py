"""Runs and checks in words."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from pipeline.core.notation import IN_UTC
from pipeline.report.quality_words import (
    names_of,
    reasons_of,
    share_of,
    span_in_words,
    verdict_of,
    where_of,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Run(NamedTuple):
    verdict: str
    windows_published: int
    windows_blocked: int


class Counts(NamedTuple):
    errored: int
    failed_critical: int
    failed_warning: int
    passed: int


class Check(NamedTuple):
    check_name: str
    severity: str
    status: str
    rows_at_fault: int | None
    rows_checked: int | None
    window_start: datetime | None
    suite: str = "claim"


@pytest.mark.parametrize(
    ("run", "counts", "tone", "text"),
    [
        (
            Run("published", 1, 0),
            Counts(0, 0, 0, 21),
            "good",
            "1 window published: no critical check failed. All 21 checks passed.",
        ),
        (
            Run("published", 1200, 0),
            Counts(0, 0, 2, 19),
            "warn",
            (
                "1,200 windows published: no critical check failed. "
                "2 warnings failed and let the figures through, 19 passed."
            ),
        ),
        (
            Run("partly_blocked", 2, 1),
            Counts(0, 1, 0, 20),
            "bad",
            "2 windows published, 1 window held back. 1 critical check failed, 20 passed.",
        ),
        (
            Run("blocked", 0, 3),
            Counts(2, 0, 0, 4),
            "bad",
            "Nothing was published: 3 windows held back. 2 checks broke, 4 passed.",
        ),
        (
            Run("blocked", 0, 0),
            Counts(0, 1, 0, 4),
            "bad",
            (
                "No window was due, but what arrived did not pass its checks. "
                "1 critical check failed, 4 passed."
            ),
        ),
        (
            Run("nothing_due", 0, 0),
            None,
            "good",
            "No window was due, and no critical check failed. Nothing was checked.",
        ),
    ],
)
def test_a_verdict_says_what_became_of_the_windows_and_why(
    run: Run, counts: Counts | None, tone: str, text: str
) -> None:
    verdict = verdict_of(run, counts)
    assert (verdict.text, verdict.tone) == (text, tone)


def test_reasons_are_the_checks_that_hold_back_and_no_others() -> None:
    checks = [
        Check("Price.", "critical", "failed", 1, 4, NOON),
        Check("Missing.", "critical", "failed", 3, None, None),
        Check("Odd.", "warning", "errored", None, None, NOON),
        Check("Unknown.", "critical", "failed", None, None, None),
        Check("Dear.", "warning", "failed", 1, 4, None),
        Check("Good.", "critical", "passed", 0, 4, None),
    ]
    assert reasons_of(checks, IN_UTC) == [
        "Window 2026-05-04 12:00: this does not hold for 1 of 4 rows (25 %): Price.",
        "All windows: this does not hold in 3 cases: Missing.",
        "Window 2026-05-04 12:00: the check itself broke, so nobody knows whether this holds: Odd.",
        "All windows: this does not hold: Unknown.",
    ]


def test_checks_are_named_once_by_what_they_did() -> None:
    checks = [
        Check("Price.", "critical", "failed", 1, 4, NOON),
        Check("Price.", "critical", "failed", 1, 4, NOON + timedelta(hours=1)),
        Check("Price.", "critical", "passed", 0, 9, None),
        Check("Odd.", "warning", "errored", None, None, None),
        Check("Dear.", "warning", "failed", 1, 4, None),
    ]
    assert names_of(checks) == (["Odd.", "Price."], ["Dear."])


def test_a_result_says_which_windows_it_is_of() -> None:
    one = Check("Price.", "critical", "failed", 1, 4, NOON)
    rest = Check("Price.", "critical", "passed", 0, 9, None)
    other = Check("Code.", "critical", "passed", 0, 9, None)
    checks = [one, rest, other]
    assert [where_of(check, checks, IN_UTC) for check in checks] == [
        "2026-05-04 12:00",
        "the others",
        "all",
    ]


@pytest.mark.parametrize(
    ("at_fault", "checked", "share"),
    [
        (0, 4, "0 %"),
        (1, 3, "33.3 %"),
        (4, 4, "100 %"),
        (1, 1_000_000, "< 0.1 %"),
        (999_999, 1_000_000, "99.9 %"),
        (1, 1000, "0.1 %"),
        (0, 0, ""),
        (None, 4, ""),
        (1, None, ""),
    ],
)
def test_a_share_looks_like_nothing_or_all_only_if_it_is(
    at_fault: int | None, checked: int | None, share: str
) -> None:
    assert share_of(Check("c", "critical", "failed", at_fault, checked, None)) == share


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7500, "2 h 5 min"),
        (2 * 86400, "2 days"),
    ],
)
def test_a_span_is_as_exact_as_one_needs_it(seconds: float, words: str) -> None:
    assert span_in_words(timedelta(seconds=seconds)) == words
