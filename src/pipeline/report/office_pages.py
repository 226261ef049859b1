"""The page of revenue by office. It is built when ids are per office."""

from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from pipeline.core.files import replace_file
from pipeline.core.statements import Cursor, fetch_all
from pipeline.report.revenue_pages import PageContext, render_page

PAGE = "offices.html"


def build_offices_page(
    cursor: Cursor, folder: Path, context: PageContext, *, since: datetime, now: datetime
) -> None:
    """Builds the page from the published windows since a time."""
    rows = fetch_all(cursor, "schema/offices/revenue_of_a_day", {"since": since})
    offices = [
        (number, {row.category: row for row in totals})
        for number, totals in groupby(rows, attrgetter("office"))
    ]
    page = render_page(PAGE, context, now=now, since=since, offices=offices)
    replace_file(folder / PAGE, page)
