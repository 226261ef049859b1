"""Applies each mutant to a copy of the project and shows which test catches it.

`make mutants` tries all, the module `mutants.run` those that are named; exits 1 where one survives.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from mutants.bugs import MUTANTS, Edit, Mutant

PROJECT: Final = Path(__file__).parents[2]
LEFT_OUT: Final = shutil.ignore_patterns(".git", ".venv", ".office", "__pycache__", ".*_cache")
WHOLE: Final = ("tests/sql", "tests/unit", "tests/integration", "tests/faults")
AT_ONCE: Final = 2
TEST_SECONDS: Final = 120
RUN_SECONDS: Final = 1800
OWN_VARIABLES: Final = ("PG", "OFFICE_", "DATABASE_URL", "PYTEST_")

PASSED, FAILED = 0, 1

# No mutant is about power loss, and most of the time is spent waiting for the disk.
NO_WAIT: Final = Edit(
    "src/pipeline/operations/embedded.py",
    '    "jit": "off",\n',
    '    "jit": "off",\n    "fsync": "off",\n',
)

# This test fails because of that edit, whatever the mutant is, so it is left out.
NOTICES_NO_WAIT: Final = "tests/integration/test_embedded.py::test_settings[fsync-on]"

UNCHANGED: Final = Mutant("(unchanged)", "The code as it is.", (), ())


class StaleMutantError(Exception):
    """The text that a mutant replaces is not there exactly once."""


@dataclass(frozen=True)
class Verdict:
    """What the tests said of a mutant: the test that failed, or None where none did."""

    mutant: Mutant
    caught_by: str | None
    seconds: float


def places(edit: Edit) -> int:
    """How often the old text occurs in the project's file."""
    return (PROJECT / edit.file).read_text(encoding="utf-8").count(edit.old)


@contextmanager
def copy_with(mutant: Mutant) -> Iterator[Path]:
    """A copy of the project with the mutant's edits."""
    folder = Path(tempfile.mkdtemp(prefix="office-mutant-"))
    try:
        copy = folder / "project"
        shutil.copytree(PROJECT, copy, ignore=LEFT_OUT)
        for edit in (NO_WAIT, *mutant.edits):
            apply(edit, copy)
        yield copy
    finally:
        shutil.rmtree(folder)


def apply(edit: Edit, project: Path) -> None:
    """Replaces the text.

    Raises:
        StaleMutantError: it is not there exactly once.
    """
    file = project / edit.file
    text = file.read_text(encoding="utf-8")
    if text.count(edit.old) != 1:
        raise StaleMutantError(f"{edit.file} has this {text.count(edit.old)} times:\n{edit.old}")
    file.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def judge(mutant: Mutant) -> Verdict:
    """Runs the tests named for a mutant, then all others, up to the first failure."""
    began = time.monotonic()
    caught_by = None
    with copy_with(mutant) as project:
        try:
            caught_by = first_failure(project, mutant.tests) or first_failure(project, WHOLE)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            click.echo(f"{mutant.name}: {error}", err=True)
    return Verdict(mutant, caught_by, time.monotonic() - began)


def first_failure(project: Path, tests: Iterable[str]) -> str | None:
    """The first of the tests that fails in a copy of the project; None where all pass.

    Raises:
        RuntimeError: they could not be run to an end, which says nothing of the mutant.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
            f"--timeout={TEST_SECONDS}",
            f"--deselect={NOTICES_NO_WAIT}",
            *tests,
        ],
        cwd=project,
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    if done.returncode == FAILED and failed:
        return failed[0]
    if done.returncode != PASSED:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return None


def plain_environment() -> dict[str, str]:
    """Our environment without what another run of the tests, or a user's database, left in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}


def judge_all(mutants: list[Mutant]) -> Iterator[Verdict]:
    """The verdicts, in the order of the mutants, two at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(judge, mutants)


def row(name: str, caught_by: str | None) -> str:
    """A row of the table."""
    return f"{name:<36} | {caught_by or 'SURVIVED'}"


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME …]")
def main(names: tuple[str, ...]) -> None:
    """Shows, for each mutant or those named, which test catches it."""
    unknown = set(names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        raise click.BadParameter(f"no mutant is called {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    tests = dict.fromkeys(test for mutant in chosen for test in mutant.tests)
    with copy_with(UNCHANGED) as project:
        failure = first_failure(project, tests)
    if failure:
        raise click.ClickException(f"without any mutant {failure} fails: mend that first")
    click.echo(row("mutant", "caught by"))
    verdicts = []
    for verdict in judge_all(chosen):
        verdicts.append(verdict)
        click.echo(row(verdict.mutant.name, verdict.caught_by))
    survivors = [verdict.mutant for verdict in verdicts if verdict.caught_by is None]
    for mutant in survivors:
        click.echo(f"SURVIVED: {mutant.name}: {mutant.sentence}")
    click.echo(f"{len(chosen)} mutants, {len(chosen) - len(survivors)} caught")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
