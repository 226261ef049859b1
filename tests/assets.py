"""Copies what the pages load from npm's packages into the pages' `vendor/`: `make assets`.

Needs npm and the registry; the pages, and whoever builds them, need neither. The versions are those
of `package.json` beside the folder, held to by the integrity in `package-lock.json`.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parents[1] / "src" / "pipeline" / "report" / "static"
VENDOR = STATIC / "vendor"

# Of each package, the files that a page loads.
FILES = {
    "vega": ("build/vega.min.js",),
    "vega-lite": ("build/vega-lite.min.js",),
    "vega-embed": ("build/vega-embed.min.js",),
    "jquery": ("dist/jquery.min.js",),
    "popper.js": ("dist/umd/popper.min.js",),
    "bootstrap": ("dist/css/bootstrap.min.css", "dist/js/bootstrap.min.js"),
    "@forevolve/bootstrap-dark": ("dist/css/bootstrap-prefers-dark.min.css",),
    "bootstrap-table": (
        "dist/bootstrap-table.min.css",
        "dist/bootstrap-table.min.js",
        "dist/extensions/filter-control/bootstrap-table-filter-control.min.css",
        "dist/extensions/filter-control/bootstrap-table-filter-control.min.js",
    ),
    "bootstrap-datepicker": (
        "dist/css/bootstrap-datepicker.min.css",
        "dist/js/bootstrap-datepicker.min.js",
    ),
    "@fortawesome/fontawesome-free": (
        "css/fontawesome.min.css",
        "css/solid.min.css",
        "webfonts/fa-solid-900.woff2",
    ),
}

ABOUT = """\
# Third-party files that the pages load

`make assets` copies them unchanged from npm packages; a test checks them against this list. The
licence of each package, and of the packages bundled in its file, is in its folder.

| file | package | version | licence | sha256 |
|---|---|---|---|---|
"""


def main() -> int:
    """Replaces the folder by what the lock file names."""
    with tempfile.TemporaryDirectory() as folder:
        modules = install(Path(folder))
        shutil.rmtree(VENDOR, ignore_errors=True)
        rows = [row for package in FILES for row in vendor(modules, package)]
    (VENDOR / "README.md").write_text(ABOUT + "\n".join(rows) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(rows)} files in {VENDOR}\n")
    return 0


def install(folder: Path) -> Path:
    """Installs what is locked, running no package's scripts; where the packages are then."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(STATIC / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "node_modules"


def vendor(modules: Path, package: str) -> list[str]:
    """Copies a package's files and licences; the list's row of each file."""
    about = described(modules, package)
    copies = [copy(modules / package / file, name_of(package)) for file in FILES[package]]
    licences = "\n\n".join(licences_of(modules, package))
    (VENDOR / name_of(package) / "LICENSE").write_text(licences, encoding="utf-8")
    return [
        f"| {file.relative_to(VENDOR)} | {package} | {about['version']} | {about['license']} "
        f"| {hashlib.sha256(file.read_bytes()).hexdigest()} |"
        for file in copies
    ]


def copy(file: Path, package: str) -> Path:
    # Font Awesome's style sheet names its font by its place beside it.
    place = file.parent.name if package == "fontawesome-free" else ""
    target = VENDOR / package / place / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    return target


def licences_of(modules: Path, package: str) -> list[str]:
    """The licence of a package, and of all that it depends on: its minified file may hold them."""
    return [
        f"{name} {described(modules, name)['version']}\n\n{text.strip()}\n"
        for name in [package, *sorted(dependencies(modules, package))]
        for text in licence_texts(modules / name)
    ]


def licence_texts(folder: Path) -> list[str]:
    files = sorted(file for file in folder.iterdir() if file.stem.upper() in {"LICENSE", "LICENCE"})
    if files:
        return [file.read_text(encoding="utf-8") for file in files]
    return [f"Licence: {json.loads((folder / 'package.json').read_text())['license']}"]


def dependencies(modules: Path, package: str) -> set[str]:
    found: set[str] = set()
    to_see = [package]
    while to_see:
        new = described(modules, to_see.pop()).get("dependencies", {}).keys() - found
        found |= new
        to_see += new
    return found - {package}


def described(modules: Path, package: str) -> dict[str, Any]:
    text = (modules / package / "package.json").read_text(encoding="utf-8")
    about: dict[str, Any] = json.loads(text)
    return about


def name_of(package: str) -> str:
    """The package's folder: its name, without its owner's."""
    return package.rpartition("/")[2]


if __name__ == "__main__":
    sys.exit(main())
