"""The folder of the pages: fills in templates, copies assets, and finds out what has changed."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.core.files import replace_file

STATIC_FOLDER = Path(__file__).parent / "static"
TEMPLATE_FOLDER = Path(__file__).parent / "templates"
ASSETS = "assets"
# These files only say where the vendored files come from.
NOT_SERVED = (".json", ".md")

# The path from a page to the folder of the pages, by the number of folders between them.
ROOT_BY_DEPTH = ("", "../")


def render(template: str, *, depth: int, now: datetime, **values: object) -> str:
    """Fills in a template for a page `depth` folders below the folder of the pages."""
    page = _environment().get_template(template)
    return page.render(root=ROOT_BY_DEPTH[depth], built_at=now, **values)


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
    try:
        stamps = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    there = {page.stem for page in pages.glob("*.html")}
    return {name: stamp for name, stamp in stamps.items() if name in there}


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
def _environment() -> Environment:
    pages = Environment(
        loader=PackageLoader("pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(
        minute=_minute,
        clock=_clock,
        weekday=_weekday,
        words=_words,
        blank=_blank,
        money=_money,
        count=counted,
        claims_of_window=_claims_of_window,
        minutes=_minutes,
        iso=_iso,
    )
    return pages


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _iso(time: datetime) -> str:
    """A time as a command takes it."""
    return f"{time:%Y-%m-%dT%H:%MZ}"


def _clock(time: datetime) -> str:
    return f"{time:%H:%M}"


def _minutes(length: timedelta) -> str:
    return counted(length // timedelta(minutes=1), "minute")


def _weekday(time: datetime) -> str:
    return f"{time:%A, %-d %B %Y}"


def _words(identifier: str) -> str:
    return identifier.replace("_", " ")


def _blank(value: object) -> object:
    return "" if value is None else value


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _claims_of_window(adminer: str, start: datetime) -> str:
    """The address in Adminer of the claims behind a window's figures."""
    condition = {"col": "window_start", "op": "=", "val": start.isoformat(sep=" ")}
    where = {f"where[0][{key}]": value for key, value in condition.items()}
    return f"{adminer}&{urlencode({'ns': 'audit', 'select': 'window_claims', **where})}"
