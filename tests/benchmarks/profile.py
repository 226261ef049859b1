"""Where the time of a merged batch goes, by statement: `make profile [N=…] [BATCH=…]`.

Merges a backlog in large batches, then as many small ones as a quiet office has, each statement by
itself. Prints what each statement takes, what COMMIT and Python take, what further links do
meanwhile, and how many times their floor the parts take, which is measured on the same rows (see
floor.py). What is sent in one round trip elsewhere goes one by one here; so it also says what the
same takes where nobody looks.
"""

from dataclasses import dataclass
from itertools import count
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from benchmarks import floor, project
from benchmarks.bench import FILE_WIDTH
from benchmarks.floor import STREAM
from benchmarks.lab import OFFICE, Lab, checkpoint, lab
from benchmarks.lines import make_lines
from benchmarks.observed import Merged, Seconds, merge_backlog, merge_observed, observed
from benchmarks.results import number

HISTORY: Final = 20_000
"""Lines that are merged before: the tables are neither empty nor unknown to the planner."""
SMALL_BATCH: Final = 200
SMALL_BATCHES: Final = 50
FAR: Final = 1_000_000_000
"""How far the ids of two backlogs lie apart."""
OUTSIDE: Final = "outside: Python, and waiting for what is done meanwhile"
MEANWHILE: Final = "meanwhile: "


@dataclass(frozen=True)
class Profile:
    """A backlog that was merged while nobody looked, and another one that was observed."""

    name: str
    plain: Merged
    observed: Merged

    @property
    def seconds(self) -> Seconds:
        """All of the time by part, the longest first; then what further links do meanwhile."""
        parts = {**self.observed.seconds, OUTSIDE: self.observed.outside}
        meanwhile = {f"{MEANWHILE}{name}": s for name, s in self.observed.meanwhile.items()}
        return longest_first(parts) | longest_first(meanwhile)

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

        def load(rows: int) -> None:
            first_id = 1 + next(numbers) * FAR
            folder = lab.new_folder("backlog")
            lines = make_lines(folder, rows, streams=(STREAM,), first_id=first_id)
            project.load(databases, lines.files())
            checkpoint(url)

        def profile(name: str, rows: int, batch: int) -> Profile:
            load(rows)
            unseen = merge_backlog(plain, STREAM, batch_size=batch)
            load(rows)
            return Profile(name, unseen, merge_observed(watched, STREAM, batch_size=batch))

        load(min(HISTORY, rows))
        history = merge_backlog(plain, STREAM, batch_size=batch)
        large = profile("large", rows, batch)
        small = profile("small", small_batches * SMALL_BATCH, SMALL_BATCH)
        merged = history.rows + 2 * large.observed.rows + 2 * small.observed.rows
        return [large, small], micros_a_row(floor.beside(plain), merged)


def micros_a_row(seconds: Seconds, rows: int) -> Seconds:
    """Microseconds of a raw row, by part."""
    return {name: each * 1e6 / rows for name, each in seconds.items()}


def longest_first(seconds: Seconds) -> Seconds:
    """What takes longest comes first."""
    return dict(sorted(seconds.items(), key=lambda part: part[1], reverse=True))


def by_part(profile: Profile) -> Table:
    """A row per part of the merge."""
    table = with_columns("part", "ms a batch", "µs a row", "share")
    merged = profile.observed
    micros = micros_a_row(profile.seconds, merged.rows)
    for name, seconds in profile.seconds.items():
        a_batch = seconds * 1e3 / merged.batches
        share = seconds / merged.total
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
            own = micros_a_row(profile.observed.work, profile.observed.rows)
            micros = floor.of({**own, **floors}, part.statements)
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
