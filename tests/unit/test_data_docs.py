"""The library's pages load nothing from other hosts, and those of old runs go."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from assets import VENDOR
from pipeline.quality.data_docs import RUNS_KEPT, offline, page_of, prune, suites_by_run

# Found, not imported: that takes seconds.
LIBRARY = Path(str(getattr(find_spec("great_expectations"), "origin", ""))).parent
TEMPLATES = LIBRARY / "render" / "view" / "templates"
STYLES = TEMPLATES.parent / "static" / "styles"

LOADED = re.compile(
    r"""<(?:link|script|img)\b[^>]*\b(?:href|src)=["']([^"']*)|url\(["']?([^"')]*)"""
)
OTHER_HOST = re.compile(r"(?:https?:)?//")


def loaded_by(text: str) -> list[str]:
    """What a page loads by itself, without a click."""
    return ["".join(found) for found in LOADED.findall(text)]


def from_other_hosts(text: str) -> list[str]:
    return [address for address in loaded_by(text) if OTHER_HOST.match(address)]


PAGE = """<html><head>
<link rel="stylesheet" href="https://maxcdn.example/bootstrap/4.3.1/css/bootstrap.min.css"/>
<link rel="stylesheet" href="https://cdn.example/font-awesome/6.6.0/css/all.min.css">
<script src="https://cdn.example/npm/vega@5"></script>
<script src="https://cdn.example/umd/popper.min.js" integrity="sha384-x" crossorigin="anonymous">
</script>
<link rel="shortcut icon" href="../../../static/images/favicon.ico" type="image/x-icon"/>
<style>a { background: url('https://assets.example/logo.png') 0 0 no-repeat; }</style>
</head>
<body>
<img
  src="https://assets.example/logo-long.png?d=20260504"
  alt="Great Expectations" />
<a href="https://greatexpectations.io">Great Expectations</a>
<p>See https://example.com/style.css</p>
<footer>
  <p>Stay current <a href="https://greatexpectations.io/newsletter">Subscribe</a></p>
</footer>
</body></html>"""


def test_what_a_page_loads_lies_beside_ours() -> None:
    page = offline(PAGE, depth=4)
    up = "../" * 6 + "assets/vendor/"
    assert loaded_by(page) == [
        f"{up}bootstrap/bootstrap.min.css",
        f"{up}fontawesome-free/css/fontawesome.min.css",
        f"{up}fontawesome-free/css/solid.min.css",
        f"{up}popper.js/popper.min.js",
        "../../../../static/images/favicon.ico",
        "../../../../static/images/logo-long.png",
    ]
    assert "integrity" not in page
    assert "background: none 0 0" in page


def test_what_a_person_clicks_or_reads_stays() -> None:
    page = offline(PAGE, depth=0)
    assert '<a href="https://greatexpectations.io">' in page
    assert "<p>See https://example.com/style.css</p>" in page
    assert '<a href="../../quality.html">' in page
    assert "newsletter" not in page


def test_the_search_finds_what_comes_from_other_hosts() -> None:
    assert len(from_other_hosts(PAGE)) == 6
    assert from_other_hosts('<script src="//cdn.example/a.js"></script>')


@pytest.mark.parametrize("file", ["js_script_imports.j2", "page.j2", "index_page.j2"])
def test_what_the_library_loads_is_known(file: str) -> None:
    """After an update of the library: is there a file for each new address?"""
    text = (TEMPLATES / file).read_text()
    drawing = len(re.findall(r"npm/vega", text))
    local = [each for each in loaded_by(offline(text, depth=0)) if "vendor" in each]
    icons = text.count("all.min.css")
    assert len(local) == len(from_other_hosts(text)) - drawing + icons
    for address in local:
        assert (VENDOR / address.partition("vendor/")[2]).is_file(), address


def test_the_librarys_style_sheets_load_nothing_either() -> None:
    sheets = {file: file.read_text() for file in STYLES.glob("*.css")}
    assert any(from_other_hosts(text) for text in sheets.values())
    for file, text in sheets.items():
        assert from_other_hosts(offline(text, depth=2)) == [], file


def write_run(docs: Path, suite: str, number: int, *, pages: int = 1) -> None:
    for folder in (docs / "results", docs / "site" / "validations"):
        run = folder / suite / f"run-{number}"
        for page in range(pages):
            (run / f"time-{page}").mkdir(parents=True)
            (run / f"time-{page}" / "batch.html").write_text("")
        os.utime(run, (number, number))


def test_the_newest_runs_are_kept_whole(tmp_path: Path) -> None:
    for number in range(RUNS_KEPT + 3):
        write_run(tmp_path, "claim", number, pages=2)
    write_run(tmp_path, "staging", 2)
    write_run(tmp_path, "staging", 3)
    (tmp_path / "results" / ".ge_store_backend_id").write_text("")
    prune(tmp_path)
    for folder in (tmp_path / "results", tmp_path / "site" / "validations"):
        kept = {int(run.name.removeprefix("run-")) for run in (folder / "claim").iterdir()}
        assert kept == set(range(3, RUNS_KEPT + 3))
        assert len(list((folder / "claim").rglob("*.html"))) == 2 * RUNS_KEPT
        assert [run.name for run in (folder / "staging").iterdir()] == ["run-3"]


def test_runs_with_many_pages_are_kept_for_less_long_but_the_newest_for_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.quality.data_docs.PAGES_KEPT", 20)
    for number, pages in enumerate([1, 19, 1, 1]):
        write_run(tmp_path, "claim", number, pages=pages)
    prune(tmp_path)
    assert set(suites_by_run(tmp_path)) == {"run-2", "run-3"}
    write_run(tmp_path, "claim", 4, pages=21)
    prune(tmp_path)
    assert suites_by_run(tmp_path) == {"run-4": ["claim"]}


def test_pages_are_found_by_run(tmp_path: Path) -> None:
    assert suites_by_run(tmp_path) == {}
    write_run(tmp_path, "claim", 7, pages=3)
    write_run(tmp_path, "staging", 7)
    write_run(tmp_path, "staging", 8)
    assert suites_by_run(tmp_path) == {"run-7": ["claim", "staging"], "run-8": ["staging"]}
    page = page_of(tmp_path, "claim", "run-7")
    assert page is not None
    assert page.parent.name == "time-0"
    assert page_of(tmp_path, "claim", "run-8") is None
