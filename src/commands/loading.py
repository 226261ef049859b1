"""The command that brings files in: `load`."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import click

from commands.common import (
    SOMETHING_WRONG,
    USED_WRONGLY,
    as_json,
    chosen_settings,
    office_database,
    print_result,
    say,
    stopping,
)
from commands.progress import bar
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.streams import STREAMS
from pipeline.staging.load import doubts, files_in, load
from pipeline.staging.load_errors import UnreadableError
from pipeline.staging.load_formats import Form
from pipeline.staging.load_open import Source, file_source, pipe_source, printable

STANDARD_INPUT = Path("-")


@dataclass
class Staged:
    """What has been staged so far."""

    counts: dict[str, int] = field(default_factory=dict)
    """The raw rows of each file."""
    units: dict[str, Form] = field(default_factory=dict)
    """What a raw row is in the file."""
    failures: list[str] = field(default_factory=list)
    """A line for each file that could not be read to its end."""

    @property
    def total(self) -> int:
        """The raw rows of all files."""
        return sum(self.counts.values())

    def add(self, name: str, unit: Form, count: int) -> None:
        """Adds raw rows of a file."""
        self.units[name] = unit
        self.counts[name] = self.counts.get(name, 0) + count

    def lines(self) -> list[str]:
        """The counts for a person: one if there is one file, otherwise those of each and of all."""
        told = [f"{_counted(n, self.units[name])} staged." for name, n in self.counts.items()]
        if len(told) == 1:
            return told
        each = [f"{name}: {line}" for name, line in zip(self.counts, told, strict=True)]
        return [*each, f"{_counted(self.total, 'raw row')} staged."]


@click.command("load")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
)
@click.option(
    "--stream", type=click.Choice([*STREAMS]), required=True, help="The stream of these events."
)
@click.option("--decimal-comma", is_flag=True, help="Numbers in CSV are written like 3,50.")
@click.option("--force", is_flag=True, help="Stage the files without looking at them first.")
@as_json
def load_command(
    paths: tuple[Path, ...], stream: str, *, decimal_comma: bool, force: bool, is_json: bool
) -> None:
    """Append files to staging, in JSON or CSV.

    A path can be a file, a folder, which stands for the files in it, or - for standard input.

    A file holds JSON, one object a line or otherwise, or CSV with the contract's names in its first
    line; also packed as .gz, .zst or .zip. Bad events are staged, too, and the merge rejects them.
    But all files are looked at first: if the first 100 events of one all break the contract, or
    are those of another stream, nothing is staged. Run `merge` afterwards.

    Example: python src/office.py load history.jsonl --stream claim
    """
    staged = Staged()
    with (
        ExitStack() as stack,
        office_database(chosen_settings(), "office load") as database,
        stopping(
            database,
            lambda: (
                f"at least {staged.total} raw rows are staged; loading them again makes duplicates."
            ),
        ),
    ):
        sources = _sources(paths, stack)
        if not force:
            refuse(doubts(database, stream, sources, has_decimal_comma=decimal_comma))
        stage(database, stream, sources, staged, has_decimal_comma=decimal_comma)
    files = [{"file": name, "staged": count} for name, count in staged.counts.items()]
    print_result(
        {"stream": stream, "staged": staged.total, "files": files, "failures": staged.failures},
        "\n".join(staged.lines()),
        is_json=is_json,
    )
    for failure in staged.failures:
        say(f"Error: {failure}")
    if staged.failures:
        sys.exit(SOMETHING_WRONG)


def stage(
    database: Database,
    stream: str,
    sources: Sequence[Source],
    staged: Staged,
    *,
    has_decimal_comma: bool,
) -> None:
    """Stages one file after the other and shows a progress bar. A file that fails stops no other.

    Args:
        database: where they are staged.
        stream: the stream of their events.
        sources: the files.
        staged: to which each portion is added.
        has_decimal_comma: numbers in CSV are written like 3,50.
    """
    size = sum(source.size or 0 for source in sources)
    with bar("Loading", "bytes") as on_progress:
        for source in sources:
            before, position = staged.total, 0
            try:
                for portion in load(database, stream, source, has_decimal_comma=has_decimal_comma):
                    staged.add(portion.name, portion.form, len(portion.payloads))
                    on_progress(portion.position - position, size)
                    position = portion.position
            except UnreadableError as error:
                count = _counted(staged.total - before, "raw row")
                staged.failures.append(f"{error}. {count} of {source.name} staged before that.")
            if staged.total == before:
                staged.add(source.name, Form.LINES, 0)


def refuse(found: Sequence[str]) -> None:
    """Refuses to load files about which there is a doubt."""
    if found:
        others = f" {_counted(len(found) - 1, 'other file')} refused, too." if found[1:] else ""
        raise OfficeError(
            f"{found[0]}.{others} Nothing is staged; --force stages it all the same.",
            exit_code=USED_WRONGLY,
        )


def _sources(paths: Iterable[Path], stack: ExitStack) -> list[Source]:
    """What is to be loaded; standard input for -, and of a folder the files in it."""
    try:
        return [source for path in paths for source in _sources_at(path, stack)]
    except UnreadableError as error:
        raise OfficeError(f"{error}. Nothing is staged.", exit_code=USED_WRONGLY) from None


def _sources_at(path: Path, stack: ExitStack) -> list[Source]:
    if path == STANDARD_INPUT:
        return [pipe_source("standard input", sys.stdin.buffer, stack)]
    if not path.is_dir():
        return [file_source(path, stack)]
    files, skipped = files_in(path)
    if skipped:
        say(f"Skipped in {path}: {', '.join(printable(entry.name) for entry in skipped)}")
    if not files:
        raise UnreadableError(f"{path} holds no file")
    return [file_source(file, stack) for file in files]


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"
