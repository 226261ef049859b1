"""What the pages load from others is what the list says, and asks no other host for anything."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from assets import FILES, STATIC, VENDOR, name_of

Versions = dict[str, str]

ROW = re.compile(r"\| (\S+) \| (\S+) \| (\S+) \| .+ \| ([0-9a-f]{64}) \|")
CSS_REFERENCE = re.compile(rb"@import\s*[\"']?([^\"';]*)|url\(\s*[\"']?([^\"')]*)")


def wrong_files(vendor: Path) -> list[str]:
    """Files that are not as the list says, not on it, or missing."""
    listed = {file: sha256 for file, _, _, sha256 in rows_of(vendor)}
    there = {
        file.relative_to(vendor).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in vendor.rglob("*")
        if file.is_file() and file.name not in {"LICENSE", "README.md"}
    }
    return sorted(file for file, _ in listed.items() ^ there.items())


def rows_of(vendor: Path) -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = ROW.findall((vendor / "README.md").read_text())
    assert rows
    return rows


def test_the_files_are_those_of_the_list() -> None:
    assert wrong_files(VENDOR) == []


@pytest.mark.parametrize("damage", ["changed", "missing", "added"])
def test_a_file_that_is_not_as_listed_is_reported(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "lib" / "lib.min.js"
    file.parent.mkdir()
    file.write_text("good")
    digest = hashlib.sha256(b"good").hexdigest()
    (tmp_path / "README.md").write_text(f"| lib/lib.min.js | lib | 1.0 | MIT | {digest} |\n")
    assert wrong_files(tmp_path) == []
    if damage == "changed":
        file.write_text("evil")
    elif damage == "missing":
        file.unlink()
    else:
        file.with_name("other.js").write_text("good")
    assert wrong_files(tmp_path)


def test_the_list_tells_the_versions_that_are_pinned_and_locked() -> None:
    pinned: Versions = json.loads((STATIC / "package.json").read_text())["dependencies"]
    assert {package: version for _, package, version, _ in rows_of(VENDOR)} == pinned
    assert pinned.keys() == FILES.keys()
    locked = json.loads((STATIC / "package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in pinned} == pinned
    for name, package in locked.items():
        assert name == "" or package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_every_package_comes_with_its_licence() -> None:
    for package in FILES:
        assert (VENDOR / name_of(package) / "LICENSE").stat().st_size > 0


def test_style_sheets_refer_to_nothing_elsewhere() -> None:
    sheets = list(VENDOR.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        found = [b"".join(match) for match in CSS_REFERENCE.findall(sheet.read_bytes())]
        outside = [each for each in found if not each.startswith((b"data:", b"../webfonts/"))]
        assert outside == [], sheet
