"""The data-quality pages: an overview of the present state, and a page for each recent run."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

from pipeline.core.contract import REASONS
from pipeline.core.files import replace_file
from pipeline.core.notation import Notation
from pipeline.core.remedies import remedy_of
from pipeline.core.statements import Cursor, fetch_all
from pipeline.quality.data_docs import page_of, run_name, suites_by_run
from pipeline.report.quality_charts import last_hours, trend_drawings, volume_drawings, volume_table
from pipeline.report.quality_words import (
    SEVERITIES,
    SUITES,
    Stretch,
    names_of,
    reasons_of,
    share_of,
    span_in_words,
    verdict_of,
    where_of,
)
from pipeline.report.site import read_stamps, remove_others, render, stamp_of

RUNS_SHOWN = 50
# The most held-back windows and check results that a page lists; of the rest it gives the number.
WINDOWS_SHOWN = 200
RESULTS_SHOWN = 200
# Rejected raw rows are counted by reason for so long, so that the page costs the same in any year.
DAYS_SHOWN = timedelta(days=30)

STAMPS = ".runs.json"

COUNTS_OF_NOTHING = {"passed": 0, "failed_warning": 0, "failed_critical": 0, "errored": 0}


@dataclass(frozen=True)
class RunFacts:
    """What can change on the page of a run; the page is built again when one of these changes."""

    run: Any
    """Its row of `report/runs`."""
    earlier: int | None
    """The run before it, if that run has a page."""
    releases: list[Any]
    """The windows that it held back and that somebody released."""
    suites: list[str]
    """The suites for which Great Expectations has a page."""


def build_quality_pages(
    cursor: Cursor,
    folder: Path,
    runs: list[Any],
    notation: Notation,
    *,
    docs: Path,
    now: datetime,
) -> None:
    """Builds the overview, and the pages of the runs that have changed.

    Args:
        cursor: reads from one snapshot.
        folder: the folder of the pages.
        runs: the runs that have a page, the newest first.
        notation: how times are written.
        docs: the folder of Great Expectations' results and pages.
        now: the time of building, which the pages show.
    """
    page = _overview(cursor, runs, notation, docs=docs, now=now)
    replace_file(folder / "quality.html", page)
    _build_changed_runs(cursor, folder, runs, notation, docs=docs, now=now)


def _overview(
    cursor: Cursor, runs: list[Any], notation: Notation, *, docs: Path, now: datetime
) -> str:
    shown = runs[:RUNS_SHOWN]
    counts = _counts(cursor, shown)
    streams = [row._asdict() for row in fetch_all(cursor, "operations/status/streams")]
    hours = last_hours(now, notation.zone)
    volume = volume_table(
        fetch_all(cursor, "report/volume", {"hours": hours}),
        [stream["stream"] for stream in streams],
        hours,
    )
    trend = [_with_counts(run, counts) for run in shown]
    holding, failing = names_of(next(iter(_checks(cursor, runs[:1]).values()), []))
    return render(
        "quality.html",
        depth=0,
        now=now,
        notation=notation,
        last=runs[0] if runs else None,
        verdict=verdict_of(runs[0], counts.get(runs[0].quality_run_id)) if runs else None,
        holding=holding,
        failing=failing,
        held=fetch_all(cursor, "report/held_back", {"most": WINDOWS_SHOWN}),
        releases=fetch_all(cursor, "report/releases"),
        streams=streams,
        freshness=_freshness(cursor, streams, now),
        rejected=_rejected(cursor, now),
        days_shown=DAYS_SHOWN.days,
        volume=volume,
        runs=trend,
        has_docs=(docs / "site" / "index.html").is_file(),
        drawings={
            "trend": trend_drawings(trend, notation),
            "volume": volume_drawings(volume, notation),
        },
    )


def _counts(cursor: Cursor, runs: list[Any]) -> dict[int, Any]:
    """How many checks of each run passed, failed and errored."""
    rows = fetch_all(cursor, "report/check_counts", {"runs": _numbers(runs)})
    return {row.quality_run_id: row for row in rows}


def _checks(cursor: Cursor, runs: list[Any]) -> dict[int, list[Any]]:
    """The results of each run's checks; those that did not pass come first."""
    of_runs = {"runs": _numbers(runs), "most": RESULTS_SHOWN}
    return _by_run(fetch_all(cursor, "report/run_checks", of_runs))


def _numbers(runs: list[Any]) -> list[int]:
    return [run.quality_run_id for run in runs]


def _with_counts(run: Any, counts: dict[int, Any]) -> dict[str, Any]:  # noqa: ANN401  (a row)
    of_run = counts.get(run.quality_run_id)
    return {**run._asdict(), **(of_run._asdict() if of_run else COUNTS_OF_NOTHING)}


def _freshness(
    cursor: Cursor, streams: list[dict[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    received = {row.stream: row.received_at for row in fetch_all(cursor, "report/arrivals")}
    return [
        {
            "stream": stream["stream"],
            "received": _ago(received.get(stream["stream"]), now),
            "merged": _ago(stream["merged_at"], now),
            "pending": stream["pending"],
            "pending_since": _ago(stream["pending_since"], now),
        }
        for stream in streams
    ]


def _ago(time: datetime | None, now: datetime) -> dict[str, Any] | None:
    return {"time": time, "age": span_in_words(now - time)} if time else None


def _rejected(cursor: Cursor, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            **row._asdict(),
            "in_words": REASONS.get(row.reason, row.reason),
            "remedy": remedy_of(row.reason),
        }
        for row in fetch_all(cursor, "report/rejected", {"since": now - DAYS_SHOWN})
    ]


def _build_changed_runs(
    cursor: Cursor,
    folder: Path,
    runs: list[Any],
    notation: Notation,
    *,
    docs: Path,
    now: datetime,
) -> None:
    facts = _facts_of(cursor, runs, docs)
    stamps = {str(number): stamp_of(of_run, notation) for number, of_run in facts.items()}
    built = read_stamps(folder / STAMPS, folder / "runs")
    changed = [
        of_run for number, of_run in facts.items() if built.get(str(number)) != stamps[str(number)]
    ]
    for number, page in _run_pages(cursor, changed, notation, docs=docs, now=now):
        replace_file(folder / "runs" / f"{number}.html", page)
    remove_others(folder / "runs", stamps.keys())
    replace_file(folder / STAMPS, json.dumps(stamps))


def _facts_of(cursor: Cursor, runs: list[Any], docs: Path) -> dict[int, RunFacts]:
    """The facts of each run, by its number, the newest first."""
    first = {"first_run": runs[-1].quality_run_id if runs else 0}
    releases = _by_run(fetch_all(cursor, "report/run_releases", first))
    suites = suites_by_run(docs)
    return {
        run.quality_run_id: RunFacts(
            run=run,
            earlier=before.quality_run_id if before else None,
            releases=releases.get(run.quality_run_id, []),
            suites=suites.get(run_name(run.quality_run_id), []),
        )
        for run, before in pairwise([*runs, None])
        if run
    }


def _run_pages(
    cursor: Cursor, changed: list[RunFacts], notation: Notation, *, docs: Path, now: datetime
) -> Iterator[tuple[int, str]]:
    runs = [facts.run for facts in changed]
    counts = _counts(cursor, runs)
    checks = _checks(cursor, runs)
    windows = _by_run(fetch_all(cursor, "report/run_windows", {"runs": _numbers(runs)}))
    habits = _by_run(fetch_all(cursor, "report/run_habits", {"runs": _numbers(runs)}))
    for facts in changed:
        number = facts.run.quality_run_id
        of_run = checks.get(number, [])
        page = render(
            "run.html",
            depth=1,
            now=now,
            notation=notation,
            facts=facts,
            duration=span_in_words(facts.run.finished_at - facts.run.started_at),
            verdict=verdict_of(facts.run, counts.get(number)),
            reasons=reasons_of(of_run, notation),
            checks=[_check_shown(check, of_run, notation) for check in of_run],
            severities=SEVERITIES,
            habits=habits.get(number, []),
            not_shown=of_run[0].results - len(of_run) if of_run else 0,
            stretches=_stretches(windows.get(number, [])),
            docs=_docs_links(docs, facts),
        )
        yield number, page


def _check_shown(
    check: Any,  # noqa: ANN401  (a row)
    checks: list[Any],
    notation: Notation,
) -> dict[str, Any]:
    return {
        **check._asdict(),
        "data": SUITES.get(check.suite, check.suite),
        "where": where_of(check, checks, notation),
        "share": share_of(check),
    }


def _stretches(rows: list[Any]) -> dict[str, list[Stretch]]:
    """The stretches of windows: those published and those held back."""
    return {
        what: [Stretch(row.since, row.until, row.windows) for row in rows if row.what == what]
        for what in ("published", "held back")
    }


def _docs_links(docs: Path, facts: RunFacts) -> dict[str, str]:
    """Links from a run's page to Great Expectations' pages of it, by the name of the data."""
    name = run_name(facts.run.quality_run_id)
    pages = {suite: page_of(docs, suite, name) for suite in facts.suites}
    return {
        SUITES.get(suite, suite): f"../{page.relative_to(docs.parent).as_posix()}"
        for suite, page in pages.items()
        if page
    }


def _by_run(rows: Iterable[Any]) -> dict[int, list[Any]]:
    return {number: list(of_run) for number, of_run in groupby(rows, attrgetter("quality_run_id"))}
