"""Great Expectations' own pages (Data Docs): makes them work offline, finds and removes them.

The library's pages load scripts, styles and pictures from other hosts. Each of these links is
replaced by a file of ours or removed.
"""

import re
import shutil
from itertools import accumulate
from pathlib import Path
from typing import Final

# How many of the newest runs are kept, and how many pages at most: a run that searches for the
# windows at fault makes many pages.
RUNS_KEPT: Final = 200
PAGES_KEPT: Final = 5000

# How deep the library's pages lie among ours: quality/site/.
SITE_DEPTH: Final = 2

# The local files that replace a link, by the last part of its address. All other links are removed:
# they load scripts for charts, and these pages have no charts.
LOCAL_FILES: Final = {
    "bootstrap.min.css": ["bootstrap/bootstrap.min.css"],
    "bootstrap.min.js": ["bootstrap/bootstrap.min.js"],
    "bootstrap-prefers-dark.css": ["bootstrap-dark/bootstrap-prefers-dark.min.css"],
    "bootstrap-table.min.css": ["bootstrap-table/bootstrap-table.min.css"],
    "bootstrap-table.min.js": ["bootstrap-table/bootstrap-table.min.js"],
    "bootstrap-table-filter-control.css": [
        "bootstrap-table/bootstrap-table-filter-control.min.css"
    ],
    "bootstrap-table-filter-control.min.css": [
        "bootstrap-table/bootstrap-table-filter-control.min.css"
    ],
    "bootstrap-table-filter-control.min.js": [
        "bootstrap-table/bootstrap-table-filter-control.min.js"
    ],
    "bootstrap-datepicker.min.css": ["bootstrap-datepicker/bootstrap-datepicker.min.css"],
    "bootstrap-datepicker.min.js": ["bootstrap-datepicker/bootstrap-datepicker.min.js"],
    "popper.min.js": ["popper.js/popper.min.js"],
    "jquery-3.7.1.min.js": ["jquery/jquery.min.js"],
    # The icons that the pages use are all of the solid kind.
    "all.min.css": [
        "fontawesome-free/css/fontawesome.min.css",
        "fontawesome-free/css/solid.min.css",
    ],
}

LOADING_TAG = re.compile(
    r"""<(?:link|script)\b[^>]*\b(?:href|src)=["']https?:[^"'>]*?([^/"'>]*)["'][^>]*>(?:\s*</script>)?"""
)
PICTURE = re.compile(r"""(<img\b[^>]*\bsrc=["'])https?:[^"'>]*?([^/"'>?]*)(?:\?[^"'>]*)?(["'])""")
OUTSIDE_URL = re.compile(r"""url\(\s*["']?https?:[^)]*\)""")
# The footer is an advertisement that hides the end of the page.
FOOTER = re.compile(r"<footer>.*?</footer>", re.DOTALL)
# In result pages the library's path to its static files lacks a folder.
STATIC_FILE = re.compile(r"""(["'])(?:\.{1,2}/)*static/""")

# In dark mode the library replaces its logo by a picture from another host.
DARK_NAME = """<style>
@media (prefers-color-scheme: dark) {
  .navbar-brand a img { visibility: visible; filter: invert(1); }
}
</style>
"""
WAY_BACK = '<p class="m-2"><a href="{root}quality.html">Doctor\'s office: data quality</a></p>\n'


def offline(text: str, *, depth: int) -> str:
    """A page or style sheet of the library without links to other hosts.

    Args:
        text: as the library wrote it.
        depth: how many folders below the library's index it lies.
    """
    site = "../" * depth
    root = "../" * (depth + SITE_DEPTH)
    text = LOADING_TAG.sub(lambda tag: _local_tags(tag, f"{root}assets/vendor/"), text)
    text = PICTURE.sub(rf"\1{site}static/images/\2\3", text)
    text = STATIC_FILE.sub(rf"\1{site}static/", text)
    text = OUTSIDE_URL.sub("none", text)
    text = FOOTER.sub("", text)
    text = text.replace("</head>", f"{DARK_NAME}</head>", 1)
    return text.replace("<body>", f"<body>\n{WAY_BACK.format(root=root)}", 1)


def _local_tags(tag: re.Match[str], vendor: str) -> str:
    files = LOCAL_FILES.get(tag[1], [])
    if tag[0].startswith("<link"):
        return "\n".join(f'<link rel="stylesheet" href="{vendor}{file}">' for file in files)
    return "\n".join(f'<script src="{vendor}{file}"></script>' for file in files)


def run_name(quality_run_id: int) -> str:
    """The title of the pages of an analytics run, and the name of their folder."""
    return f"run-{quality_run_id}"


def suites_by_run(docs: Path) -> dict[str, list[str]]:
    """The suites that have pages, by the name of the run."""
    found: dict[str, list[str]] = {}
    for suite in sorted((docs / "site" / "validations").glob("*")):
        for run in suite.iterdir():
            found.setdefault(run.name, []).append(suite.name)
    return found


def page_of(docs: Path, suite: str, run: str) -> Path | None:
    """The page of a suite's result in a run: the one of all windows, if parts were checked too."""
    return min((docs / "site" / "validations" / suite / run).glob("*/*.html"), default=None)


def prune(docs: Path) -> None:
    """Removes the files of all but the newest runs, which the library itself never does."""
    for folder in (docs / "results", docs / "site" / "validations"):
        runs = _runs_in(folder)
        # A run has a folder per suite and check of a part.
        counts = accumulate(sum(_entries(place) for place in places) for places in runs)
        for number, (places, count) in enumerate(zip(runs, counts, strict=True)):
            if number >= RUNS_KEPT or (number and count > PAGES_KEPT):
                for place in places:
                    shutil.rmtree(place, ignore_errors=True)


def _runs_in(folder: Path) -> list[list[Path]]:
    """The folders of each run, one a suite; the newest run first."""
    by_name: dict[str, list[Path]] = {}
    for run in folder.glob("*/*"):
        by_name.setdefault(run.name, []).append(run)
    return sorted(by_name.values(), key=_written_at, reverse=True)


def _written_at(places: list[Path]) -> float:
    return max(place.stat().st_mtime for place in places)


def _entries(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())
