"""How fast the project is, beside what people would use instead: `make bench`.

Makes a server of its own, with production's settings, and does each work in turns with each
reference. Final rows are compared before any time is told. Prints a table of ratios, in which a
machine's speed cancels out, and writes a JSON file with every run, and the table in Markdown beside
it; both keep what was measured of other works before. Exit code 1 where an aim is missed.
"""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from benchmarks import (
    append,
    broker,
    catch_up,
    floor,
    latency,
    load,
    memory,
    merge,
    peer,
    recompute,
    top_up,
)
from benchmarks.lab import Lab, lab
from benchmarks.results import Result, machine, print_table, write_results
from benchmarks.turns import Plan

Work = Callable[[Lab, Plan], Iterator[Result]]

WORKS: Final[Mapping[str, Work]] = {
    "a": append.measure,
    "b": load.measure,
    "c": merge.measure,
    "d": top_up.measure,
    "e": latency.measure,
    "f": recompute.measure,
    "g": catch_up.measure,
    "h": memory.measure,
    "i": broker.measure,
    "j": floor.measure,
    "k": recompute.measure_days,
}
FILE_WIDTH: Final = 120
"""Columns of the table where no terminal says how many there are."""
OUT: Final = peer.ENVIRONMENTS / "bench.json"


def letters(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    """The works asked for."""
    asked = value.replace(" ", "").lower().split(",")
    unknown = sorted(set(asked) - set(WORKS))
    if unknown:
        raise click.BadParameter(f"no work {', '.join(unknown)}; there are {', '.join(WORKS)}")
    return asked


def numbers(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Numbers of rows, the smallest first; 1e6 is one."""
    try:
        return tuple(sorted(int(float(number)) for number in value.split(",")))
    except ValueError:
        raise click.BadParameter("numbers with commas between them are wanted") from None


@click.command()
@click.option("--only", callback=letters, default=",".join(WORKS), show_default=True)
@click.option("--rows", type=click.IntRange(min=100), default=1_000_000, show_default=True)
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--bases", callback=numbers, default="1e6,10e6,50e6", show_default=True)
@click.option("--rates", callback=numbers, default="1,1e3,10e3", show_default=True)
@click.option("--seconds", type=click.FloatRange(min=1), default=60, show_default=True)
@click.option("--memory-seconds", type=click.FloatRange(min=4), default=600, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def main(only: list[str], out: Path, **sizes: Any) -> None:  # noqa: ANN401
    """Measures the works asked for, on the embedded server as it is set in production.

    a append, b load, c load and merge, d ten thousand events on top of --bases, e arrival to clean
    at --rates, f analytics on --bases, g an outage, h memory, i a broker, j the merge's parts
    against their floor, k analytics and pages after 20 and after 700 days.
    """
    # Asked to end, it leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    measured: list[Result] = []
    console = Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    with lab(click.echo) as made:
        facts = {**machine(made.url), **sizes, "peers": versions()}
        for letter in only:
            of_work: list[Result] = []
            for result in WORKS[letter](made, Plan(**sizes)):
                of_work.append(result)
                write_results(out, letter, of_work, facts)
            measured += of_work
    print_table(console, measured)
    click.echo(f"{describe(facts)}. Every run: {out}; as Markdown: {out.with_suffix('.md')}")
    sys.exit(any(result.is_below_aim for result in measured))


def versions() -> dict[str, str]:
    """Of what is compared."""
    own = {name: version(name) for name in ("pandas", "sqlalchemy", "psycopg2-binary")}
    return {**own, **peer.versions()}


def describe(facts: Mapping[str, object]) -> str:
    """The machine in a line."""
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gb']} GB, "
        f"PostgreSQL {facts['postgresql']}, Python {facts['python']}"
    )


if __name__ == "__main__":
    main()
