"""Builds the pages: static files, each replaced in one step."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.statements import Cursor, fetch_all

REVENUE_COLUMNS = [
    "window_start",
    "category",
    "revenue",
    "claims",
    "patients",
    "quality_run_id",
    "published_at",
]


@dataclass(frozen=True)
class ReportData:
    """What the pages show, all from one snapshot."""

    revenue: list[Any]
    reconciliation: list[Any]
    rejected: list[Any]
    runs: list[Any]
    checks: list[Any]
    blocked: list[datetime]
    releases: list[Any]
    categories: dict[str, list[str]]


def docs_folder(reports: Path) -> Path:
    """Where, among the pages, Great Expectations keeps its results and its own pages."""
    return reports / "quality"


def read_report(cursor: Cursor) -> ReportData:
    """Reads what the pages show; give it a cursor of one snapshot."""
    runs = fetch_all(cursor, "report/runs")
    last_run = {"quality_run_id": runs[0].quality_run_id if runs else None}
    return ReportData(
        revenue=fetch_all(cursor, "report/revenue"),
        reconciliation=fetch_all(cursor, "report/reconciliation"),
        rejected=fetch_all(cursor, "report/rejected"),
        runs=runs,
        checks=fetch_all(cursor, "report/checks", last_run),
        blocked=[row.window_start for row in fetch_all(cursor, "report/blocked_windows")],
        releases=fetch_all(cursor, "report/releases"),
        categories=_codes_by_category(fetch_all(cursor, "report/categories")),
    )


def build_report(data: ReportData, folder: Path, *, now: datetime) -> Path:
    """Builds the pages.

    Returns:
        The index page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "revenue.csv", _revenue_csv(data.revenue))
    index = folder / "index.html"
    _replace(index, _index_page(data, has_docs=docs_folder(folder).exists(), now=now))
    return index


def _revenue_csv(revenue: list[Any]) -> str:
    # It takes most of a second to import: only what builds pages pays for it.
    import pandas as pd  # noqa: PLC0415

    table = pd.DataFrame(revenue, columns=REVENUE_COLUMNS)
    return table.sort_values(["window_start", "category"]).to_csv(index=False)


def _index_page(data: ReportData, *, has_docs: bool, now: datetime) -> str:
    pages = Environment(
        loader=PackageLoader("pipeline"), autoescape=True, undefined=StrictUndefined
    )
    pages.filters.update(minute=_minute, words=_words, blank=_blank)
    return pages.get_template("index.html").render(
        windows=_figures_by_window(data.revenue),
        reconciliation=[row._asdict() for row in data.reconciliation],
        rejected=data.rejected,
        run=data.runs[0] if data.runs else None,
        runs=data.runs,
        checks=data.checks,
        blocked=data.blocked,
        releases={release.window_start: release for release in data.releases},
        categories=data.categories,
        has_docs=has_docs,
        built_at=now,
    )


def _figures_by_window(revenue: list[Any]) -> Mapping[datetime, dict[str, Any]]:
    return {
        window: {figure.category: figure for figure in figures}
        for window, figures in groupby(revenue, attrgetter("window_start"))
    }


def _codes_by_category(rows: list[Any]) -> dict[str, list[str]]:
    return {
        category: [row.icd10_code for row in codes]
        for category, codes in groupby(rows, attrgetter("category"))
    }


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _words(identifier: str) -> str:
    return identifier.replace("_", " ")


def _blank(value: object) -> object:
    return "" if value is None else value


def _replace(file: Path, text: str) -> None:
    """Writes a file so that a reader sees the old one or the new one, never half of it."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
