"""The database and the independent model come to the same, whatever arrives and in which order.

OFFICE_EXAMPLES scales how many examples are tried: in the usual run few, by `make properties` many.
"""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection

from generators import (
    AFTER_EVERYTHING,
    BASE,
    KNOWN,
    RECEIVED_AT,
    AnalyticsStep,
    Append,
    Arrive,
    Come,
    Compute,
    GiveUp,
    Hold,
    LetGo,
    Load,
    Merge,
    MoveCursor,
    Publish,
    Step,
    analytics_histories,
    arrivals,
    merge_histories,
    office_events,
)
from integration.ahead import type_ahead_of_any
from integration.events import empty, pass_over
from model import (
    Claim,
    Clean,
    Diagnosis,
    Figure,
    Figures,
    Outcome,
    RawRow,
    dirtied_windows,
    is_closed,
    merge,
    revenue,
)
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.core.streams import STREAMS
from pipeline.merge.merge import Batch, Look, merge_pending
from pipeline.revenue import revenue as analytics
from pipeline.staging import append as staging

SCALE = float(os.environ.get("OFFICE_EXAMPLES", "0.1"))
EVENTS = st.lists(office_events(), min_size=8, max_size=25)
LATE_EVENTS = st.lists(office_events(), min_size=1, max_size=8)
MANY = 1_000
FATES = ("merged", "duplicate", "conflict", "rejected")

# A failing example is made smaller for at most five minutes, which must end before the test does.
pytestmark = pytest.mark.timeout(600 * max(1, SCALE))


def tried(examples: int) -> settings:
    """Settings of a test: the same examples on every run, and no limit to an example's time."""
    return settings(
        max_examples=max(1, round(examples * SCALE)),
        derandomize=True,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        # Each example empties the tables itself, so that all can share the test's database.
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


@pytest.fixture
def database(lonely_database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """One for all tests and examples, each of which empties it."""
    type_ahead_of_any(monkeypatch)
    return lonely_database


def query(database: Database, text: str) -> list[Any]:
    with database.transaction(snapshot=True) as cursor:
        cursor.execute(text)
        return cursor.fetchall()


def append_all(database: Database, events: Sequence[tuple[str, bytes]]) -> None:
    with database.transaction() as cursor:
        for stream, payload in events:
            staging.append(cursor, stream, [payload])


def merge_all(database: Database, batch_size: int = MANY, *, sweep: bool = True) -> list[Batch]:
    look = Look.ALL if sweep else None
    return list(merge_pending(database, batch_size=batch_size, sweep=look))


def raw_rows(database: Database) -> list[RawRow]:
    rows = query(
        database,
        """
        SELECT seq, stream, coalesce(payload_bytes, convert_to(payload, 'UTF8')), received_at
        FROM staging.event ORDER BY seq
        """,
    )
    return [RawRow(seq, stream, bytes(payload), at) for seq, stream, payload, at in rows]


def outcomes(database: Database) -> list[Outcome]:
    """The outcomes in the recorded order of merging."""
    rows = query(
        database,
        "SELECT seq, stream, entity_id, fate, reason FROM staging.outcome ORDER BY run_id, seq",
    )
    return [Outcome(*row) for row in rows]


def clean_claims(database: Database) -> dict[int, Claim]:
    rows = query(database, "SELECT id, code, price, patient_id, tsp FROM claim")
    return {row.id: Claim(*row) for row in rows}


def clean_diagnoses(database: Database) -> dict[int, Diagnosis]:
    rows = query(database, "SELECT id, icd10_code, patient_id, tsp FROM diagnose")
    return {row.id: Diagnosis(*row) for row in rows}


def expected(database: Database, erased: Sequence[RawRow] = ()) -> Clean:
    """What the model makes of the raw rows that have an outcome, in the recorded order."""
    raw = {row.seq: row for row in [*raw_rows(database), *erased]}
    return merge([raw[outcome.seq] for outcome in outcomes(database)], patients(database))


def patients(database: Database) -> set[int]:
    """The patients by now. A row whose patient came late is merged by the next merge."""
    return {number for (number,) in query(database, "SELECT id FROM patient")}


def by_seq(rows: list[Outcome]) -> list[Outcome]:
    return sorted(rows, key=lambda outcome: outcome.seq)


def assert_clean_is_as_modelled(database: Database, erased: Sequence[RawRow] = ()) -> Clean:
    model = expected(database, erased)
    assert by_seq(outcomes(database)) == by_seq(model.outcomes)
    assert clean_claims(database) == model.claims
    assert clean_diagnoses(database) == model.diagnoses
    return model


# What a raw row says.


def load_all(database: Database, events: Sequence[tuple[str, bytes]]) -> None:
    for stream, payload in events:
        staged = sum(staging.load_lines(database, stream, BytesIO(payload + b"\n")))
        assert staged == len(as_lines([(stream, payload)]))


def as_lines(events: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """What loading makes of them: a line's end is no part of it, and an empty line is no event."""
    lines = [(stream, line) for stream, payload in events for line in payload.split(b"\n")]
    whole = [(stream, line.removesuffix(b"\r")) for stream, line in lines]
    return [(stream, line) for stream, line in whole if line]


def receive_at_receipt_time(database: Database) -> None:
    """Makes the raw rows received at RECEIVED_AT."""
    with database.transaction() as cursor:
        cursor.execute("UPDATE staging.event SET received_at = %s", (RECEIVED_AT,))


def test_known_payloads_come_to_what_the_contract_says(database: Database) -> None:
    empty(database)
    events = [(known.stream, known.payload) for known in KNOWN]
    append_all(database, events)
    receive_at_receipt_time(database)
    merge_all(database)
    reasons = {outcome.seq: outcome.reason for outcome in outcomes(database)}
    surprises = [
        (known.payload[:100], known.reason, reasons.get(seq))
        for seq, known in enumerate(KNOWN, start=1)
        if reasons.get(seq, "pending") != known.reason
    ]
    assert surprises == []


def test_each_known_payload_by_itself_comes_to_the_modelled_row(database: Database) -> None:
    for known in KNOWN:
        empty(database)
        append_all(database, [(known.stream, known.payload)])
        receive_at_receipt_time(database)
        merge_all(database)
        assert len(outcomes(database)) == 1
        assert_clean_is_as_modelled(database)


@tried(200)
@given(events=st.lists(arrivals, min_size=5, max_size=12), loads=st.booleans())
def test_fates_reasons_and_clean_rows_are_as_modelled(
    database: Database, events: list[tuple[str, bytes]], loads: bool
) -> None:
    empty(database)
    (load_all if loads else append_all)(database, events)
    receive_at_receipt_time(database)
    merge_all(database)
    staged = as_lines(events) if loads else events
    assert [(row.stream, row.payload) for row in raw_rows(database)] == staged
    assert len(outcomes(database)) == len(staged)
    assert_clean_is_as_modelled(database)


# First wins, however the work is cut up.


@dataclass
class History:
    """Does the steps of a merge history, and knows what is staged."""

    database: Database
    staged: list[tuple[str, bytes]] = field(default_factory=list)
    held: list[tuple[str, bytes]] = field(default_factory=list)
    other: connection | None = None
    needs_sweep: bool = False

    def do(self, step: Step) -> None:
        """One step, with the checks that belong to it."""
        if isinstance(step, Append):
            append_all(self.database, self._stage(step))
        elif isinstance(step, Load):
            self._load(step)
        elif isinstance(step, Hold):
            self._hold(step)
        elif isinstance(step, LetGo):
            self.let_go(commits=step.commits)
        elif isinstance(step, MoveCursor):
            self._move_cursor()
        elif isinstance(step, Come):
            self._come(step)
        else:
            self._merge(step)

    def let_go(self, *, commits: bool) -> None:
        """Ends the transaction that the other connection holds open, if there is one."""
        if self.other is None:
            return
        with closing(self.other) as other:
            if commits:
                other.commit()
                self.staged += self.held
            else:
                other.rollback()
        self.other, self.held = None, []

    def merge_all_finished(self, step: Merge) -> None:
        """Merges when no writer has a transaction open, so that nothing may stay pending."""
        merge_all(self.database, step.batch_size, sweep=step.sweep)
        if step.sweep or not self.needs_sweep:
            assert len(outcomes(self.database)) == len(self.staged)

    def _come(self, step: Come) -> None:
        with self.database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO patient VALUES (%s, 'A', 'B', '1980-01-01') ON CONFLICT DO NOTHING",
                (step.patient,),
            )

    def _move_cursor(self) -> None:
        pass_over(self.database)
        self.needs_sweep = True

    def _stage(self, step: Append | Load) -> list[tuple[str, bytes]]:
        events = [(step.stream, payload) for payload in step.payloads]
        self.staged += events
        return events

    def _load(self, step: Load) -> None:
        self._stage(step)
        lines = BytesIO(b"".join(payload + b"\n" for payload in step.payloads))
        assert sum(staging.load_lines(self.database, step.stream, lines)) == len(step.payloads)

    def _hold(self, step: Hold) -> None:
        if self.other is None:
            self.other = psycopg2.connect(self.database.dsn)
        with self.other.cursor() as cursor:
            for payload in step.payloads:
                staging.append(cursor, step.stream, [payload])
        self.held += [(step.stream, payload) for payload in step.payloads]

    def _merge(self, step: Merge) -> None:
        if self.other is None:
            self.merge_all_finished(step)
        else:
            merge_all(self.database, step.batch_size, sweep=step.sweep)
        assert_reconciliation_is_as_modelled(self.database)


def assert_reconciliation_is_as_modelled(database: Database, erased: Sequence[RawRow] = ()) -> None:
    model, raw = expected(database, erased), [*raw_rows(database), *erased]
    lines = {line.stream: line for line in query(database, "SELECT * FROM audit.reconciliation")}
    cursors = {line.stream: line for line in query(database, "SELECT * FROM staging.merge_cursor")}
    assert lines.keys() == cursors.keys() == set(STREAMS)
    for stream, line in lines.items():
        fates = [outcome.fate for outcome in model.outcomes if outcome.stream == stream]
        received = sum(row.stream == stream for row in raw)
        counts = {fate: fates.count(fate) for fate in FATES}
        pending = received - len(fates)
        assert line._asdict() == {
            "stream": stream,
            "received": received,
            "pending": pending,
            "balanced": True,
            "erased": sum(row.stream == stream for row in erased),
            **counts,
        }
        assert {fate: getattr(cursors[stream], fate) for fate in FATES} == counts


def merged_state(database: Database) -> list[list[Any]]:
    return [
        query(database, text)
        for text in (
            "SELECT * FROM staging.outcome ORDER BY seq",
            "SELECT * FROM claim ORDER BY id",
            "SELECT * FROM diagnose ORDER BY id",
            "SELECT * FROM analytics.dirty_window ORDER BY mark_id",
            "SELECT * FROM staging.merge_run ORDER BY run_id",
        )
    ]


def assert_merging_again_changes_nothing(database: Database) -> None:
    before = merged_state(database)
    assert merge_all(database, 1) == []
    assert merged_state(database) == before


@tried(200)
@given(steps=merge_histories)
def test_any_interleaving_comes_to_the_modelled_tables(
    database: Database, steps: list[Step]
) -> None:
    empty(database)
    history = History(database)
    try:
        for step in steps:
            history.do(step)
    finally:
        history.let_go(commits=True)
    history.merge_all_finished(Merge(MANY, sweep=history.needs_sweep))
    staged = [(row.stream, row.payload) for row in raw_rows(database)]
    assert sorted(staged) == sorted(history.staged)
    assert_clean_is_as_modelled(database)
    assert_reconciliation_is_as_modelled(database)
    assert_merging_again_changes_nothing(database)
    if not any(isinstance(step, Hold | MoveCursor | Come) for step in steps):
        assert_merged_in_the_order_of_arrival(database)


def assert_merged_in_the_order_of_arrival(database: Database) -> None:
    """With one writer, the order needs no record: the model alone comes to the same."""
    in_order = merge(raw_rows(database), patients(database))
    assert by_seq(outcomes(database)) == in_order.outcomes


# Windows.


@dataclass
class Analytics:
    """Does the steps of an analytics history."""

    database: Database
    now: datetime = BASE
    open_runs: list[analytics.Candidate] = field(default_factory=list)

    def do(self, step: AnalyticsStep) -> None:
        """One step."""
        if isinstance(step, Arrive):
            append_all(self.database, step.events)
            if step.is_merged:
                merge_all(self.database)
        elif isinstance(step, Compute):
            self.now += step.later
            self.compute(step.since, step.until)
        elif self.open_runs:
            self._end(self.open_runs.pop(step.which % len(self.open_runs)), step)

    def compute(self, since: datetime | None = None, until: datetime | None = None) -> None:
        """A run computes and stays open."""
        with self.database.transaction() as cursor:
            run = analytics.compute(cursor, now=self.now, since=since, until=until)
        assert all(is_closed(window, self.now) for window in run.windows)
        self.open_runs.append(run)

    def publish(self, run: analytics.Candidate) -> None:
        """A run publishes all its windows."""
        with self.database.transaction() as cursor:
            done = analytics.publish(cursor, run.quality_run_id, run.windows)
            close(cursor, run, "published", published=done)

    def _end(self, run: analytics.Candidate, step: Publish | GiveUp) -> None:
        if isinstance(step, Publish):
            self.publish(run)
        elif step.is_blocked:
            with self.database.transaction() as cursor:
                close(cursor, run, "blocked", published=[])
            # Somebody may still release it.
            self.open_runs.append(run)


def close(
    cursor: psycopg2.extensions.cursor,
    run: analytics.Candidate,
    verdict: str,
    *,
    published: list[datetime],
) -> None:
    blocked = run.windows if verdict == "blocked" else []
    analytics.close_run(
        cursor, run.quality_run_id, verdict=verdict, published=published, blocked=blocked
    )


def published_figures(database: Database) -> Figures:
    rows = query(database, "SELECT * FROM analytics.revenue_by_diagnosis")
    return {
        (row.window_start, row.category): Figure(row.revenue, row.claims, row.patients)
        for row in rows
    }


def published_by(database: Database) -> dict[datetime, set[int]]:
    """The runs that published each window's rows."""
    runs: dict[datetime, set[int]] = {}
    for row in query(database, "SELECT * FROM analytics.revenue_by_diagnosis"):
        runs.setdefault(row.window_start, set()).add(row.quality_run_id)
    return runs


def due_windows(database: Database) -> set[datetime]:
    rows = query(database, "SELECT DISTINCT window_start FROM analytics.dirty_window")
    return {row.window_start for row in rows}


def not_due(figures: Figures, due: set[datetime]) -> Figures:
    return {key: figure for key, figure in figures.items() if key[0] not in due}


def assert_no_promise_is_broken(database: Database) -> None:
    with database.transaction(snapshot=True) as cursor:
        assert [promise for promise in verify(cursor) if not promise.holds] == []


def assert_published_or_due(database: Database) -> None:
    """What is published is right, and every window with a claim is published, or it is due."""
    figures = revenue(expected(database), AFTER_EVERYTHING)
    due = due_windows(database)
    assert not_due(published_figures(database), due) == not_due(figures, due)


def catch_up(run_by: Analytics) -> None:
    """Merges everything, and publishes it with the clock after everything."""
    merge_all(run_by.database)
    run_by.now = AFTER_EVERYTHING
    run_by.compute()
    run_by.publish(run_by.open_runs.pop())


@tried(80)
@given(steps=analytics_histories)
def test_published_windows_come_to_the_recompute(
    database: Database, steps: list[AnalyticsStep]
) -> None:
    empty(database)
    run_by = Analytics(database)
    for step in steps:
        run_by.do(step)
        assert_no_promise_is_broken(database)
        assert_published_or_due(database)
    catch_up(run_by)
    model = assert_clean_is_as_modelled(database)
    assert published_figures(database) == revenue(model, AFTER_EVERYTHING)
    assert due_windows(database) == set()
    assert_no_promise_is_broken(database)
    assert_stale_runs_change_nothing(run_by)


def assert_stale_runs_change_nothing(run_by: Analytics) -> None:
    before = published_figures(run_by.database)
    for run in run_by.open_runs:
        run_by.publish(run)
    assert published_figures(run_by.database) == before
    assert_no_promise_is_broken(run_by.database)


@tried(100)
@given(early=EVENTS, late=LATE_EVENTS, minutes=st.integers(0, 200))
def test_late_events_change_exactly_the_modelled_windows(
    database: Database,
    early: list[tuple[str, bytes]],
    late: list[tuple[str, bytes]],
    minutes: int,
) -> None:
    empty(database)
    run_by = Analytics(database)
    append_all(database, early)
    catch_up(run_by)
    before, rows_before = expected(database), published_by(database)

    append_all(database, late)
    merge_all(database)
    run_by.now = BASE + timedelta(minutes=minutes)
    run_by.compute()
    run = run_by.open_runs.pop()
    run_by.publish(run)

    after = expected(database)
    dirtied = dirtied_windows(before, after)
    renewed = {window for window in dirtied if is_closed(window, run_by.now)}
    assert set(run.windows) == renewed
    assert due_windows(database) == dirtied - renewed
    assert published_by(database) == {
        **rows_before,
        **{window: {run.quality_run_id} for window in renewed},
    }
    assert published_figures(database) == figures_between(before, after, renewed)


def figures_between(before: Clean, after: Clean, renewed: set[datetime]) -> Figures:
    """The figures of before, but of after where a window was renewed."""
    old, new = revenue(before, AFTER_EVERYTHING), revenue(after, AFTER_EVERYTHING)
    return not_due(old, renewed) | {key: new[key] for key in new if key[0] in renewed}
