"""Where the time of a merged batch goes, by statement: `make profile [N=…] [BATCH=…]`.

Merges a backlog in large batches, then as many small ones as a quiet office has, each statement by
itself. Prints what each statement takes, what is left to Python and to COMMIT, and how many times
the floor the parts take, which is measured on the same rows (see floor.py). What is sent in one
round trip goes by itself here; so it also says what the same takes where nobody looks.
"""

from dataclasses import dataclass
from itertools import count
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from benchmarks import floor, project
from benchmarks.bench import FILE_WIDTH
from benchmarks.floor import STREAM, Seconds
from benchmarks.lab import OFFICE, Lab, checkpoint, lab
from benchmarks.lines import make_lines
from benchmarks.observed import Merged, merge_backlog, observed
from benchmarks.results import number
from pipeline.core.database import Database

HISTORY: Final = 20_000
"""Lines that are merged before: the tables are neither empty nor unknown to the planner."""
SMALL_BATCH: Final = 200
SMALL_BATCHES: Final = 50
FAR: Final = 1_000_000_000
"""How far the ids of two backlogs lie apart."""
PYTHON: Final = "outside of the statements"


@dataclass(frozen=True)
class Profile:
    """A backlog that was merged while nobody looked, and another one that was observed."""

    name: str
    plain: Merged
    observed: Merged

    @property
    def seconds(self) -> Seconds:
        """All of the time by part, the longest first."""
        parts = {**self.observed.seconds, PYTHON: self.observed.outside}
        return dict(sorted(parts.items(), key=lambda part: part[1], reverse=True))

    @property
    def micros_a_row(self) -> Seconds:
        """The same of a raw row, in microseconds."""
        return micros_a_row(self.seconds, self.observed.rows)

    def __str__(self) -> str:
        each = [
            f"{number(merged.total * 1e3 / merged.batches)} ms a batch, "
            f"{number(merged.total * 1e6 / merged.rows)} µs a row"
            for merged in (self.observed, self.plain)
        ]
        return (
            f"{self.name}: {self.observed.rows:,} rows in {self.observed.batches} batches, "
            f"{each[0]}; where nobody looks {each[1]}"
        )


@click.command()
@click.option("--rows", type=click.IntRange(min=1), default=200_000, show_default=True)
@click.option("--batch", type=click.IntRange(min=1), default=project.BATCH_SIZE, show_default=True)
def main(rows: int, batch: int) -> None:
    """Prints where the time of a batch goes, of a backlog of so many rows and of small batches."""
    console = Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    with lab(click.echo) as made:
        profiles, floors = measure(made, rows, batch, SMALL_BATCHES)
    for profile in profiles:
        console.print(f"\n{profile}", highlight=False)
        console.print(by_part(profile))
    console.print("\nBeside the floor, in microseconds a row:")
    console.print(beside_floor(profiles, floors))


def measure(lab: Lab, rows: int, batch: int, small_batches: int) -> tuple[list[Profile], Seconds]:
    """Large and small batches; and the microseconds of a raw row in each part of the floor."""
    with lab.fresh(OFFICE) as url, project.office(url) as databases, observed(url) as watched:
        plain, numbers = databases[STREAM], count()

        def merge(database: Database, rows: int, batch: int) -> Merged:
            first_id = 1 + next(numbers) * FAR
            folder = lab.new_folder("backlog")
            lines = make_lines(folder, rows, streams=(STREAM,), first_id=first_id)
            project.load(databases, lines.files())
            checkpoint(url)
            return merge_backlog(database, STREAM, batch_size=batch)

        history = merge(plain, min(HISTORY, rows), batch)
        large = Profile("large", merge(plain, rows, batch), merge(watched, rows, batch))
        few = small_batches * SMALL_BATCH
        small = Profile("small", merge(plain, few, SMALL_BATCH), merge(watched, few, SMALL_BATCH))
        merged = history.rows + 2 * large.observed.rows + 2 * small.observed.rows
        return [large, small], micros_a_row(floor.beside(plain), merged)


def micros_a_row(seconds: Seconds, rows: int) -> Seconds:
    """Microseconds of a raw row, by part."""
    return {name: each * 1e6 / rows for name, each in seconds.items()}


def by_part(profile: Profile) -> Table:
    """A row per part of the merge."""
    table = with_columns("part", "ms a batch", "µs a row", "share")
    micros = profile.micros_a_row
    for name, seconds in profile.seconds.items():
        share = seconds / profile.observed.total
        a_batch = seconds * 1e3 / profile.observed.batches
        table.add_row(name, number(a_batch), number(micros[name]), f"{share:.1%}")
    return table


def beside_floor(profiles: list[Profile], floors: Seconds) -> Table:
    """A row per part that has a floor."""
    each = [f"{profile.name}{what}" for profile in profiles for what in ("", ", times")]
    table = with_columns("part", "floor", "floor's", *each)
    for part in floor.PARTS:
        least = floor.of(floors, part.floor)
        cells = [part.name, ", ".join(part.floor), number(least)]
        for profile in profiles:
            micros = floor.of({**profile.micros_a_row, **floors}, part.statements)
            cells += [number(micros), number(micros / least)]
        table.add_row(*cells)
    return table


def with_columns(*columns: str) -> Table:
    """An empty table; all but text stands to the right."""
    table = Table()
    for column in columns:
        table.add_column(column, justify="left" if column in ("part", "floor") else "right")
    return table


if __name__ == "__main__":
    main()
