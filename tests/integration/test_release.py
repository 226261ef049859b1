"""Windows that a check holds back, and that are published by hand."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from integration.events import (
    claim,
    compute_and_publish,
    diagnose,
    revenue,
    rows,
    stage_and_merge,
    wait_until_blocked_or_over,
)
from pipeline.audit.explain import explain_window, read_window_at
from pipeline.audit.release import Release, release
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.severity import holds_back
from pipeline.core.statements import execute
from pipeline.operations.metrics import read_windows
from pipeline.operations.status import read_status
from pipeline.report.pages import build_pages
from pipeline.revenue.revenue import Candidate, close_run, compute, publish

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
LATER = NOON + 12 * WINDOW

CHECK = {
    "suite": "claim",
    "check_name": "No price is above 1,000.",
    "severity": "critical",
    "status": "failed",
    "rows_at_fault": 1,
    "rows_checked": 1,
}
HELD_BACK_BY = ["failed critical claim: No price is above 1,000."]


def settle(database: Database, candidate: Candidate, *, blocked: list[datetime]) -> None:
    """Ends an analytics run, as one in which a check failed on some of its windows."""
    passed = [window for window in candidate.windows if window not in blocked]
    with database.transaction() as cursor:
        published = publish(cursor, candidate.quality_run_id, passed)
        for window in blocked:
            row = {"quality_run_id": candidate.quality_run_id, "window_start": window, **CHECK}
            execute(cursor, "quality/record_check", row)
        close_run(
            cursor,
            candidate.quality_run_id,
            verdict="partly_blocked" if published else "blocked",
            published=published,
            blocked=blocked,
        )


def start_run(database: Database) -> Candidate:
    return database.run(lambda cursor: compute(cursor, now=LATER))


def hold_back(database: Database, *windows: datetime) -> None:
    settle(database, start_run(database), blocked=list(windows))


def by_hand(database: Database, window: datetime = NOON, reason: str = "It is true.") -> Release:
    return database.run(partial(release, moment=window, reason=reason))


def refusal(database: Database, window: datetime = NOON) -> str:
    with pytest.raises(OfficeError) as refused:
        by_hand(database, window)
    assert refused.value.exit_code == 1
    return str(refused.value)


def releases(database: Database) -> list[tuple[Any, ...]]:
    return rows(
        database,
        "SELECT window_start, reason, failed_checks FROM analytics.window_release ORDER BY 1",
    )


def marked(database: Database) -> list[datetime]:
    query = "SELECT DISTINCT window_start FROM analytics.dirty_window ORDER BY 1"
    return [start for (start,) in rows(database, query)]


def verified(database: Database) -> bool:
    return all(promise.holds for promise in database.run(verify, snapshot=True))


def page(database: Database, folder: Path) -> str:
    build = partial(build_pages, folder=folder, now=LATER)
    return database.run(build, snapshot=True).read_text()


@pytest.fixture
def office(database: Database) -> Database:
    """Of three windows with a claim of 10, 20 and 30, the first two are held back."""
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON))
    claims = [claim(n, price=10 * n, tsp=NOON + (n - 1) * WINDOW) for n in (1, 2, 3)]
    stage_and_merge(database, "claim", *claims)
    hold_back(database, NOON, NOON + WINDOW)
    assert set(revenue(database)) == {("12:20", "Amnesia"), ("12:20", "Asthma")}
    return database


def test_exactly_the_window_is_published_and_the_page_says_how(
    office: Database, tmp_path: Path
) -> None:
    before = page(office, tmp_path)
    assert "eleased by hand" not in before
    done = by_hand(office, reason="The price is right, <says> billing.")
    assert done.failed_checks == HELD_BACK_BY
    assert [str(each["revenue"]) for each in done.window.figures] == ["10.00", "0.00"]
    assert done.window.state == "published"

    assert set(revenue(office)) == {
        (t, c) for t in ("12:00", "12:20") for c in ("Amnesia", "Asthma")
    }
    assert revenue(office)["12:00", "Amnesia"] == ("10.00", 1, 1)
    assert marked(office) == [NOON + WINDOW]
    assert releases(office) == [(NOON, "The price is right, <says> billing.", HELD_BACK_BY)]
    assert verified(office)

    shown = page(office, tmp_path)
    reason = "The price is right, &lt;says&gt; billing."
    line = shown.split('<tr id="w20260504T1200">')[1].split("</tr>")[0]
    assert "Released by hand" in line
    assert reason in line
    held = shown.split("Held back:")[1].split("</p>")[0]
    assert "12:10" in held
    assert "12:00" not in held


def test_it_says_who(office: Database) -> None:
    [(user,)] = rows(office, "SELECT session_user")
    assert by_hand(office).released_by.endswith(f", as database user {user}")


def test_a_later_publication_supersedes_it(office: Database, tmp_path: Path) -> None:
    by_hand(office)
    stage_and_merge(office, "claim", claim(4, price=5, tsp=NOON))
    assert compute_and_publish(office, LATER) == [NOON, NOON + WINDOW]
    assert revenue(office)["12:00", "Amnesia"] == ("15.00", 2, 1)
    shown = page(office, tmp_path)
    assert "eleased by hand" not in shown
    [past] = office.run(partial(read_window_at, moment=NOON)).releases
    assert (past["reason"], past["stands"]) == ("It is true.", False)
    assert len(releases(office)) == 1
    assert verified(office)


def test_a_newer_mark_keeps_the_window_due(office: Database) -> None:
    stage_and_merge(office, "claim", claim(4, price=5, tsp=NOON))
    assert by_hand(office).window.state == "due"
    assert revenue(office)["12:00", "Amnesia"] == ("10.00", 1, 1)
    hold_back(office, NOON, NOON + WINDOW)
    # Held back again: what was released stands until another publication.
    assert revenue(office)["12:00", "Amnesia"] == ("10.00", 1, 1)
    window = office.run(partial(read_window_at, moment=NOON))
    assert window.release
    by_hand(office, reason="And this too.")
    assert revenue(office)["12:00", "Amnesia"] == ("15.00", 2, 1)
    window = office.run(partial(read_window_at, moment=NOON))
    assert [(each["reason"], each["stands"]) for each in window.releases] == [
        ("And this too.", True),
        ("It is true.", False),
    ]
    assert verified(office)


# --- beside others ---


@dataclass
class Beside:
    """A step on a connection of its own, under way."""

    database: Database
    step: Callable[[Database], object]
    result: object = None

    def __post_init__(self) -> None:
        self._other = Database(self.database.dsn)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.result = self.step(self._other)
        except OfficeError as error:
            self.result = error
        finally:
            self._other.close()

    def wait_until_blocked_or_over(self) -> None:
        watcher = Database(self.database.dsn)
        wait_until_blocked_or_over(watcher, self._thread)
        watcher.close()
        assert self._thread.is_alive()

    def ended(self) -> object:
        self._thread.join()
        return self.result


def test_a_run_that_computes_first_is_not_overtaken(office: Database) -> None:
    with office.transaction() as cursor:
        candidate = compute(cursor, now=LATER)
        beside = Beside(office, by_hand)
        beside.wait_until_blocked_or_over()
    refused = beside.ended()
    assert isinstance(refused, OfficeError)
    assert f"run {candidate.quality_run_id} has computed it and checks it" in str(refused)
    settle(office, candidate, blocked=[NOON])
    by_hand(office)
    assert revenue(office)["12:00", "Amnesia"] == ("10.00", 1, 1)
    assert verified(office)


def test_a_run_that_computes_behind_a_release_leaves_it(office: Database) -> None:
    with office.transaction() as cursor:
        release(cursor, NOON, reason="It is true.")
        beside = Beside(office, start_run)
        beside.wait_until_blocked_or_over()
    candidate = beside.ended()
    assert isinstance(candidate, Candidate)
    assert candidate.windows == [NOON + WINDOW]
    settle(office, candidate, blocked=[])
    assert office.run(partial(read_window_at, moment=NOON)).release
    assert verified(office)


def test_a_run_under_way_that_computed_the_same_changes_nothing(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    older, newer = start_run(database), start_run(database)
    settle(database, older, blocked=[NOON])
    by_hand(database)
    settle(database, newer, blocked=[])
    window = database.run(partial(read_window_at, moment=NOON))
    assert window.state == "published"
    assert window.release
    assert verified(database)


def test_a_run_under_way_that_knows_more_supersedes_it(database: Database) -> None:
    stage_and_merge(database, "diagnose", diagnose(1, tsp=NOON))
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    older = start_run(database)
    stage_and_merge(database, "claim", claim(2, tsp=NOON))
    newer = start_run(database)
    settle(database, older, blocked=[NOON])
    by_hand(database)
    assert revenue(database)["12:00", "Amnesia"] == ("10.00", 1, 1)
    settle(database, newer, blocked=[])
    assert revenue(database)["12:00", "Amnesia"] == ("20.00", 2, 1)
    assert database.run(partial(read_window_at, moment=NOON)).release is None
    assert verified(database)


def test_what_another_run_published_from_the_same_state_is_not_held_back(
    database: Database, tmp_path: Path
) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    older, newer = start_run(database), start_run(database)
    settle(database, newer, blocked=[NOON])
    settle(database, older, blocked=[])
    assert "it is published" in refusal(database)
    assert "Held back:" not in page(database, tmp_path)


def test_a_window_is_not_held_back_by_a_run_whose_mark_is_gone(
    database: Database, tmp_path: Path
) -> None:
    stage_and_merge(database, "claim", claim(1, tsp=NOON))
    older, newer = start_run(database), start_run(database)
    settle(database, newer, blocked=[NOON])
    assert shown_as_held_back(database, tmp_path) == {
        "status": True,
        "metrics": True,
        "explain": True,
        "pages": True,
        "verify": True,
    }
    settle(database, older, blocked=[])
    stage_and_merge(database, "claim", claim(2, tsp=NOON))
    assert marked(database) == [NOON]
    assert set(shown_as_held_back(database, tmp_path).values()) == {False}


def shown_as_held_back(database: Database, folder: Path) -> dict[str, bool]:
    """Who shows that the only due window is held back; verify does by not calling it overdue."""
    overdue = database.run(partial(verify, patience=timedelta()), snapshot=True)
    return {
        "status": database.run(read_status, snapshot=True).held_back == [NOON],
        "metrics": database.run(read_windows, snapshot=True).held_back == 1,
        "explain": database.run(partial(read_window_at, moment=NOON)).state == "held_back",
        "pages": "Held back:" in page(database, folder),
        "verify": all(promise.holds for promise in overdue),
    }


def test_the_database_and_python_agree_which_results_hold_back(database: Database) -> None:
    answers = rows(
        database,
        """
        SELECT status, severity, analytics.holds_back(status, severity)
        FROM unnest(ARRAY['passed', 'failed', 'errored']) AS status,
            unnest(ARRAY['critical', 'warning', 'info']) AS severity
        """,
    )
    assert len(answers) == 9
    assert answers == [(*result, holds_back(*result)) for *result, _ in answers]


def test_of_two_at_once_one_releases(office: Database) -> None:
    with office.transaction() as cursor:
        release(cursor, NOON, reason="I was first.")
        beside = Beside(office, by_hand)
        beside.wait_until_blocked_or_over()
    assert "isn't held back: it is published, released by hand" in str(beside.ended())
    assert [reason for _, reason, _ in releases(office)] == ["I was first."]


# --- what is not held back ---


def test_what_is_not_held_back_is_said(office: Database) -> None:
    now = datetime.now(UTC)
    stage_and_merge(office, "claim", claim(9, tsp=NOON + 4 * WINDOW))
    for window, told in [
        (NOON + 2 * WINDOW, "it is published"),
        (NOON + 3 * WINDOW, "it is a gap: no claim came in"),
        (NOON + 4 * WINDOW, "it is due: the next analytics run computes it"),
        (now - timedelta(minutes=now.minute % 10, seconds=now.second), "it is open, closes at"),
        (NOON + timedelta(days=36500), "it hasn't begun yet"),
    ]:
        message = refusal(office, window)
        assert told in message
        assert f"{window:%Y-%m-%d %H:%M}" in message
        assert "\n" not in message
    assert releases(office) == []


def test_a_blank_reason_is_refused(office: Database) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        by_hand(office, reason=" \t ")
    assert releases(office) == []
    assert ("12:00", "Amnesia") not in revenue(office)


def test_the_biography_of_a_held_back_and_of_a_released_window(office: Database) -> None:
    held = office.run(partial(explain_window, moment=NOON), snapshot=True)
    assert held.window.state == "held_back"
    assert held.window.held_back
    assert [str(each["revenue"]) for each in held.window.held_back["figures"]] == ["10.00", "0.00"]
    assert [each["check_name"] for each in held.window.held_back["checks"]] == [
        "No price is above 1,000."
    ]
    by_hand(office)
    released = office.run(partial(explain_window, moment=NOON), snapshot=True)
    assert released.window.release
    assert [each["check_name"] for each in released.checks] == ["No price is above 1,000."]
    assert not released.found_something_wrong
