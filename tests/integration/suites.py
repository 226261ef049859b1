"""An office whose suites of checks a test may edit."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.database import Database
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.quality.checks import Checker
from pipeline.report.pages import docs_folder

Suite = list[dict[str, Any]]


@dataclass
class OfficeWithSuites:
    """A database with its own copy of the suites, and its own pages."""

    database: Database
    suites: Path
    reports: Path

    def edit_suite(self, name: str, edit: Callable[[Suite], None]) -> None:
        file = self.suites / f"{name}.json"
        suite = json.loads(file.read_text())
        edit(suite["expectations"])
        file.write_text(json.dumps(suite))

    def make_checker(self) -> Checker:
        """One that knows the suites as they are now."""
        return Checker(self.database.dsn, expectations=self.suites, docs=docs_folder(self.reports))


def copy_suites(folder: Path) -> Path:
    """Copies the office's suites into a new folder."""
    folder.mkdir()
    for file in (PROJECT_FOLDER / "expectations").glob("*.json"):
        (folder / file.name).write_text(file.read_text())
    return folder
