"""Great Expectations' own pages (Data Docs): makes them work offline, finds them, removes old ones.

The library lets its pages load scripts, styles and pictures from other hosts. Here each of these
becomes the file that lies among our assets, or goes.
"""

import re
import shutil
from itertools import accumulate
from pathlib import Path
from typing import Final

# The newest runs whose results and pages are kept, and at most so many pages: a run that looks for
# the windows at fault makes many.
RUNS_KEPT: Final = 200
PAGES_KEPT: Final = 5000

# How deep the library's pages lie among ours: quality/site/.
SITE_DEPTH: Final = 2

# What a page loads, by the last part of its address, and what it loads instead. The rest goes:
# what draws charts, of which our results have none.
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
# It hides the end of every page behind an advertisement.
FOOTER = re.compile(r"<footer>.*?</footer>", re.DOTALL)
# Of result pages the library counts a folder too few.
STATIC_FILE = re.compile(r"""(["'])(?:\.{1,2}/)*static/""")

# In the dark the library shows a picture of another host in the place of its name's.
DARK_NAME = """<style>
@media (prefers-color-scheme: dark) {
  .navbar-brand a img { visibility: visible; filter: invert(1); }
}
</style>
"""
WAY_BACK = '<p class="m-2"><a href="{root}quality.html">Doctor\'s office: data quality</a></p>\n'


def offline(text: str, *, depth: int) -> str:
    """A page or style sheet of the library, so that it loads nothing from another host.

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
    """What heads the pages of an analytics run, and names their folder."""
    return f"run-{quality_run_id}"


def suites_by_run(docs: Path) -> dict[str, list[str]]:
    """The suites of which there are pages, by the name of the run."""
    found: dict[str, list[str]] = {}
    for suite in sorted((docs / "site" / "validations").glob("*")):
        for run in suite.iterdir():
            found.setdefault(run.name, []).append(suite.name)
    return found


def page_of(docs: Path, suite: str, run: str) -> Path | None:
    """The page of what a suite said in a run: of all the windows, where parts were checked too."""
    return min((docs / "site" / "validations" / suite / run).glob("*/*.html"), default=None)


def prune(docs: Path) -> None:
    """Removes the files of all but the newest runs, which the library itself never does."""
    for folder in (docs / "results", docs / "site" / "validations"):
        runs = _runs_in(folder)
        # A run has, of each suite, a folder for each time that it checked something.
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
