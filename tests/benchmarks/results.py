"""What was measured: pairs of runs, what is said of them, and how that is shown."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.lab import autocommitting
from pipeline.operations.embedded import SETTINGS

# What the server is asked for, besides what the embedded one sets.
TELLING_SETTINGS: Final = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "work_mem",
    "maintenance_work_mem",
    "max_parallel_workers_per_gather",
    "autovacuum",
    *SETTINGS,
)


COLUMNS: Final = ("work", "this project", "reference", "its figure", "ratio", "aim")


@dataclass(frozen=True)
class Comparison:
    """One work, done by the project and by a reference in turns; seconds of each run."""

    work: str
    name: str
    events: int
    reference: str = ""
    lacks: str = ""
    """What the reference does not do."""
    at_least: float | None = None
    """The ratio that is aimed at."""
    seconds: Sequence[float] = ()
    reference_seconds: Sequence[float] = ()

    @property
    def rates(self) -> list[float]:
        """Events a second of each run."""
        return [self.events / seconds for seconds in self.seconds]

    @property
    def reference_rates(self) -> list[float]:
        """Those of the reference."""
        return [self.events / seconds for seconds in self.reference_seconds]

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the reference, by the medians."""
        if not self.reference_seconds:
            return None
        return median(self.rates) / median(self.reference_rates)

    @property
    def pair_ratios(self) -> list[float]:
        """The same, pair by pair."""
        return [own / other for own, other in zip(self.rates, self.reference_rates, strict=False)]

    @property
    def is_below_aim(self) -> bool:
        """Whether it is slower than is aimed at."""
        return self.at_least is not None and self.ratio is not None and self.ratio < self.at_least

    def as_dict(self) -> dict[str, Any]:
        """All of it, for another program."""
        return {
            **asdict(self),
            "unit": "events/s",
            "rate": spread(self.rates),
            "reference_rate": spread(self.reference_rates),
            "ratio": self.ratio,
            "pair_ratios": spread(self.pair_ratios),
        }

    def row(self) -> tuple[str, ...]:
        """The cells of the table, in the order of its columns; rates in events a second."""
        lacks = f", without {self.lacks}" if self.lacks else ""
        return (
            f"({self.work}) {self.name}",
            with_spread(self.rates, "/s"),
            f"{self.reference}{lacks}",
            with_spread(self.reference_rates, "/s"),
            with_spread(self.pair_ratios, middle=self.ratio),
            told_aim(self.at_least, None, is_missed=self.is_below_aim),
        )


@dataclass(frozen=True)
class Figure:
    """One quantity of the project's own work, each time it was measured."""

    work: str
    name: str
    unit: str
    values: Sequence[float]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_below_aim(self) -> bool:
        """Whether it is on the wrong side of what is aimed at."""
        found = median(self.values)
        too_high = self.at_most is not None and found > self.at_most
        return too_high or (self.at_least is not None and found < self.at_least)

    def as_dict(self) -> dict[str, Any]:
        """All of it, for another program."""
        return {**asdict(self), "value": spread(self.values)}

    def row(self) -> tuple[str, ...]:
        """The cells of the table; there is nobody to compare it with."""
        aim = told_aim(self.at_least, self.at_most, is_missed=self.is_below_aim)
        return (
            f"({self.work}) {self.name}",
            with_spread(self.values, f" {self.unit}".rstrip()),
            "",
            "",
            "",
            aim,
        )


Result = Comparison | Figure


def machine(url: str) -> dict[str, Any]:
    """What it ran on: cores, memory, versions, and the server's settings."""
    with autocommitting(url) as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        [version] = cursor.fetchone()
        cursor.execute(
            "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s) ORDER BY 1",
            ([*TELLING_SETTINGS],),
        )
        settings = dict(cursor.fetchall())
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "processor": processor(),
        "python": platform.python_version(),
        "postgresql": version,
        "settings": settings,
    }


def processor() -> str:
    """The processor's name, where the system tells."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def write_results(file: Path, work: str, results: Sequence[Result], facts: dict[str, Any]) -> None:
    """Everything that was measured of a work, with every run; the file keeps the other works'.

    Beside it goes a file of the same name with the tables in Markdown.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    told[work] = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
        "results": [{**result.as_dict(), "row": result.row()} for result in results],
    }
    told = dict(sorted(told.items()))
    file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    rows = [result["row"] for each in told.values() for result in each["results"]]
    file.with_suffix(".md").write_text(markdown(rows), encoding="utf-8")


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The table, for a page."""
    lines = [COLUMNS, ["---", "---:", "---", "---:", "---:", "---"], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def print_table(console: Console, results: Sequence[Result]) -> None:
    """A row per result: medians, with the lowest and the highest."""
    table = Table(title="Median (lowest to highest)", title_style="bold", show_lines=True)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("work", "reference") else "right")
    for result in results:
        style = "red" if result.is_below_aim else None
        table.add_row(*map(escape, result.row()), style=style)
    console.print(table)


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Median, lowest and highest."""
    if not values:
        return None
    return {"median": median(values), "min": min(values), "max": max(values)}


def with_spread(values: Sequence[float], unit: str = "", *, middle: float | None = None) -> str:
    """The middle with its unit, and between what the others lie."""
    if not values:
        return ""
    told = f"{number(median(values) if middle is None else middle)}{unit}"
    if len(values) == 1:
        return told
    return f"{told} ({number(min(values))} to {number(max(values))})"


def number(value: float) -> str:
    """Three digits or, where it has more, all before the point."""
    digits = next((d for d in (0, 1, 2) if abs(value) >= (100, 10, 1)[d]), 3)
    return f"{value:,.{digits}f}"


def told_aim(at_least: float | None, at_most: float | None, *, is_missed: bool) -> str:
    """What is aimed at, and whether it is missed."""
    sides = ((at_least, "at least"), (at_most, "at most"))
    told = " and ".join(f"{side} {round(aim, 2):,g}" for aim, side in sides if aim is not None)
    return f"{told}: missed" if is_missed else told
