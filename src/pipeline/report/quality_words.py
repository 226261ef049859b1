"""Says the results of analytics runs and of their checks in words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.core.notation import Notation
from pipeline.core.severity import holds_back
from pipeline.report.site import counted

# What happens when a check of this severity fails.
SEVERITIES = {
    "critical": "holds back the figures of the windows for which it fails",
    "warning": "lets the figures through and is shown on these pages",
    "info": "is shown for information",
}

# The data that a suite checks.
SUITES = {
    "staging": "raw rows",
    "habit": "what arrived lately, compared with the last weeks",
    "claim": "claims",
    "diagnose": "diagnoses",
    "revenue": "revenue figures",
}


@dataclass(frozen=True)
class Sentence:
    """A statement, and its tone: good, warn or bad."""

    text: str
    tone: str


@dataclass(frozen=True)
class Stretch:
    """Adjoining windows."""

    since: datetime
    until: datetime
    windows: int
    """The number of windows."""


def verdict_of(run: Any, counts: Any) -> Sentence:  # noqa: ANN401  (rows)
    """Says what a run published and held back, and why.

    Args:
        run: a row of `report/runs`.
        counts: its row of `report/check_counts`; None if it checked nothing.
    """
    held = counted(run.windows_blocked, "window")
    if run.verdict == "blocked" and not run.windows_blocked:
        text = "No window was due, but what arrived did not pass its checks"
    elif run.verdict == "blocked":
        text = f"Nothing was published: {held} held back"
    elif run.verdict == "partly_blocked":
        text = f"{counted(run.windows_published, 'window')} published, {held} held back"
    elif run.verdict == "published":
        text = f"{counted(run.windows_published, 'window')} published: no critical check failed"
    else:
        text = "No window was due, and no critical check failed"
    return Sentence(f"{text}. {_counts_in_words(counts)}", _tone(run, counts))


def _tone(run: Any, counts: Any) -> str:  # noqa: ANN401
    if "blocked" in run.verdict:
        return "bad"
    return "warn" if counts and counts.failed_warning else "good"


def _counts_in_words(counts: Any) -> str:  # noqa: ANN401
    if counts is None:
        return "Nothing was checked."
    parts = [
        f"{counted(number, what)} {became}"
        for number, what, became in (
            (counts.errored, "check", "broke"),
            (counts.failed_critical, "critical check", "failed"),
            (counts.failed_warning, "warning", "failed and let the figures through"),
        )
        if number
    ]
    passed = f"{counts.passed} passed"
    return f"{', '.join([*parts, passed])}." if parts else f"All {counts.passed} checks passed."


def names_of(checks: list[Any]) -> tuple[list[str], list[str]]:
    """The names of checks that held figures back, and of those that failed and did not."""
    holding = {check.check_name for check in checks if holds_back(check.status, check.severity)}
    failed = {check.check_name for check in checks if check.status == "failed"}
    return sorted(holding), sorted(failed - holding)


def reasons_of(checks: list[Any], notation: Notation) -> list[str]:
    """Why a run held figures back: each check that did so, its window and its rows at fault."""
    held_back_by = (check for check in checks if holds_back(check.status, check.severity))
    return [_reason(check, notation) for check in held_back_by]


def _reason(check: Any, notation: Notation) -> str:  # noqa: ANN401
    window = check.window_start
    where = f"Window {notation.minute(window)}" if window else "All windows"
    if check.status == "errored":
        unknown = "the check itself broke, so nobody knows whether this holds"
        return f"{where}: {unknown}: {check.check_name}"
    return f"{where}: this does not hold{_extent(check)}: {check.check_name}"


def _extent(check: Any) -> str:  # noqa: ANN401
    if check.rows_at_fault is None:
        return ""
    if check.rows_checked:
        return f" for {check.rows_at_fault:,} of {check.rows_checked:,} rows ({share_of(check)})"
    return f" in {check.rows_at_fault:,} cases"


def where_of(check: Any, checks: list[Any], notation: Notation) -> str:  # noqa: ANN401
    """The windows of a result: one window, all of them, or all that have no result of their own."""
    if check.window_start:
        return notation.minute(check.window_start)
    named = any(
        (other.suite, other.check_name) == (check.suite, check.check_name) and other.window_start
        for other in checks
    )
    return "the others" if named else "all"


def share_of(check: Any) -> str:  # noqa: ANN401
    """The share of rows at fault; empty if either count is not known."""
    if check.rows_at_fault is None or not check.rows_checked:
        return ""
    share = 100 * check.rows_at_fault / check.rows_checked
    # A share above 0 is never shown as 0 %, and a share below 100 % never as 100 %.
    if 0 < share < 0.1:  # noqa: PLR2004
        return "< 0.1 %"
    return f"{min(share, 99.9) if check.rows_at_fault < check.rows_checked else share:.3g} %"


def span_in_words(span: timedelta) -> str:
    """A length of time, rounded for people: `40 s`, `5 min`, `2 h 5 min`, `3 days`."""
    seconds = max(int(span.total_seconds()), 0)
    minutes, hours = seconds // 60, seconds // 3600
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds} s"
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min"
    if hours < 48:  # noqa: PLR2004
        return f"{hours} h {minutes % 60} min"
    return f"{hours // 24} days"
