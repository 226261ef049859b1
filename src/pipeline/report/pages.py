"""Builds the pages: static files, all from one snapshot. Each file is replaced in one step."""

from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from pipeline.core.notation import Notation
from pipeline.core.statements import Cursor, execute, fetch_all
from pipeline.core.window import read_window_length
from pipeline.report.office_pages import build_offices_page
from pipeline.report.quality_pages import build_quality_pages
from pipeline.report.revenue_pages import PageContext, build_revenue_pages
from pipeline.report.site import copy_assets
from pipeline.schema.offices import are_per_office

# The number of runs that have a page, counted from the newest.
RUN_PAGES = 1000


def docs_folder(reports: Path) -> Path:
    """The folder below the pages where Great Expectations keeps its results and its own pages."""
    return reports / "quality"


def build_pages(
    cursor: Cursor,
    folder: Path,
    *,
    now: datetime,
    notation: Notation | None = None,
    adminer: str | None = None,
) -> Path:
    """Builds the pages that have changed since they were built last.

    Args:
        cursor: Reads the figures, the checks and the counts, all from one snapshot.
        folder: The folder of the pages.
        now: The time of building, which the pages show.
        notation: How times and amounts are written. Without it, times are in UTC. When it differs
            from that of the pages in the folder, all of them are built again.
        adminer: The address of Adminer, for links to the rows behind a figure.

    Returns:
        The index page.
    """
    notation = notation or Notation()
    execute(cursor, "report/allow_pauses")
    runs = fetch_all(cursor, "report/runs", {"most": RUN_PAGES})
    copy_assets(folder)
    context = _read_context(cursor, runs, notation, adminer)
    since = build_revenue_pages(cursor, folder, context, now=now)
    if context.are_many:
        build_offices_page(cursor, folder, context, since=since, now=now)
    build_quality_pages(cursor, folder, runs, notation, docs=docs_folder(folder), now=now)
    return folder / "index.html"


def _read_context(
    cursor: Cursor, runs: list[Any], notation: Notation, adminer: str | None
) -> PageContext:
    releases = fetch_all(cursor, "report/releases")
    return PageContext(
        categories=_codes_by_category(fetch_all(cursor, "report/categories")),
        blocked=[row.window_start for row in fetch_all(cursor, "report/blocked_windows")],
        releases={release.window_start: release for release in releases},
        last_run=runs[0] if runs else None,
        first_run_page=runs[-1].quality_run_id if runs else 0,
        adminer=adminer,
        notation=notation,
        window_length=read_window_length(cursor),
        are_many=are_per_office(cursor),
    )


def _codes_by_category(rows: list[Any]) -> dict[str, list[str]]:
    return {
        category: [row.icd10_code for row in codes]
        for category, codes in groupby(rows, attrgetter("category"))
    }
