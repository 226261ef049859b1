"""Writes out the SQL that is rendered from templates, to read and to lint: `make sql`."""

import shutil
from pathlib import Path
from typing import Final

from pipeline.core.settings import PROJECT_FOLDER
from pipeline.core.statements import (
    PLAIN,
    all_statements,
    for_each_stream,
    is_template,
    statement,
)

FOLDER: Final = PROJECT_FOLDER / ".office" / "sql"


def write_rendered(folder: Path) -> None:
    """Writes each rendered statement into a file, `<name>.<stream>.sql` if it is of one stream.

    What the folder held before is removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for name, stream in for_each_stream(filter(is_template, all_statements())):
        file = folder / f"{name}.{stream}{PLAIN}" if stream else folder / f"{name}{PLAIN}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(statement(name, stream), encoding="utf-8")


if __name__ == "__main__":
    write_rendered(FOLDER)
