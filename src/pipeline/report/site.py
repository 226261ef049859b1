"""The folder of the pages: fills in templates, copies assets, and finds out what has changed."""

import hashlib
import json
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.core.files import replace_file
from pipeline.core.notation import Notation

STATIC_FOLDER = Path(__file__).parent / "static"
TEMPLATE_FOLDER = Path(__file__).parent / "templates"
ASSETS = "assets"
# These files only say where the vendored files come from.
NOT_SERVED = (".json", ".md")

# The path from a page to the folder of the pages, by the number of folders between them.
ROOT_BY_DEPTH = ("", "../")


def render(
    template: str, *, depth: int, now: datetime, notation: Notation, **values: object
) -> str:
    """Fills in a template for a page `depth` folders below the folder of the pages."""
    page = _environment(notation).get_template(template)
    return page.render(root=ROOT_BY_DEPTH[depth], built_at=now, notation=notation, **values)


def preparing_page() -> str:
    """The page to show until the first one is built. It needs no other file."""
    style = (STATIC_FOLDER / "style.css").read_text(encoding="utf-8")
    return _environment(Notation()).get_template("preparing.html").render(style=style)


def copy_assets(folder: Path) -> None:
    """Copies the scripts, styles and fonts that the pages use into their folder."""
    for source in _static_files():
        target = folder / ASSETS / source.relative_to(STATIC_FOLDER)
        content = source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            replace_file(target, content)


def stamp_of(*shown: object) -> str:
    """A hash of what a page shows and of its design: it changes when the page would change."""
    return hashlib.sha256(repr([_design_version(), *shown]).encode()).hexdigest()


def read_stamps(file: Path, pages: Path) -> dict[str, str]:
    """The stamps in a file, by the name of the page; only those whose page exists."""
    there = files_in(pages)
    return {name: stamp for name, stamp in read_texts(file).items() if f"{name}.html" in there}


def read_texts(file: Path) -> dict[str, str]:
    """The texts that were kept in a file, by name; none if it is missing or damaged."""
    try:
        texts: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return texts


def remove_others(folder: Path, names: Collection[str]) -> None:
    """Removes the numbered or dated files of a folder whose name is not among the names."""
    for file in files_in(folder):
        # The name of a file that is being written begins with a dot.
        if file[0].isdigit() and file.partition(".")[0] not in names:
            (folder / file).unlink(missing_ok=True)


def files_in(folder: Path) -> set[str]:
    """The names of the files in a folder; none if it is missing."""
    try:
        return {file.name for file in folder.iterdir()}
    except FileNotFoundError:
        return set()


def counted(number: int, what: str) -> str:
    """A number of things: `1 window`, `2 windows`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@cache
def _design_version() -> str:
    """A hash of the templates: with other templates, the same figures make another page."""
    digest = hashlib.sha256()
    for file in sorted(TEMPLATE_FOLDER.glob("*.html")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _static_files() -> Iterator[Path]:
    files = sorted(STATIC_FOLDER.rglob("*"))
    return (file for file in files if file.is_file() and file.suffix not in NOT_SERVED)


@cache
def _environment(notation: Notation) -> Environment:
    pages = Environment(
        loader=PackageLoader("pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(
        minute=notation.minute,
        end=notation.end,
        clock=notation.clock,
        weekday=_weekday,
        words=_words,
        blank=_blank,
        money=notation.money,
        count=counted,
        claims_of_window=_claims_of_window,
        minutes=_minutes,
        iso=notation.iso,
    )
    return pages


def _minutes(length: timedelta) -> str:
    return counted(length // timedelta(minutes=1), "minute")


def _weekday(day: date) -> str:
    return f"{day:%A, %-d %B %Y}"


def _words(identifier: str) -> str:
    return identifier.replace("_", " ")


def _blank(value: object) -> object:
    return "" if value is None else value


def _claims_of_window(adminer: str, start: datetime) -> str:
    """The address in Adminer of the claims behind a window's figures."""
    condition = {"col": "window_start", "op": "=", "val": start.isoformat(sep=" ")}
    where = {f"where[0][{key}]": value for key, value in condition.items()}
    return f"{adminer}&{urlencode({'ns': 'audit', 'select': 'window_claims', **where})}"
