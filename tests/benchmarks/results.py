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
from rich.table import Table

from benchmarks.lab import autocommitting
from pipeline.embedded import SETTINGS

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


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Median, lowest and highest."""
    if not values:
        return None
    return {"median": median(values), "min": min(values), "max": max(values)}


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


def write_json(file: Path, comparisons: Sequence[Comparison], facts: dict[str, Any]) -> None:
    """Everything that was measured, with every run."""
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
        "results": [comparison.as_dict() for comparison in comparisons],
    }
    file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def print_table(console: Console, comparisons: Sequence[Comparison]) -> None:
    """A row per comparison; rates in events a second as median (lowest to highest)."""
    table = Table(
        title="Events a second: median (lowest to highest)", title_style="bold", show_lines=True
    )
    table.add_column("work")
    table.add_column("this project", justify="right")
    table.add_column("reference", ratio=1)
    table.add_column("", justify="right")
    table.add_column("times as fast", justify="right")
    for each in comparisons:
        table.add_row(
            f"({each.work}) {each.name}",
            as_rates(each.rates),
            f"{each.reference}\n[dim]without {each.lacks}[/dim]" if each.lacks else each.reference,
            as_rates(each.reference_rates),
            as_ratio(each),
        )
    console.print(table)


def as_rates(rates: Sequence[float]) -> str:
    """The median above the lowest and the highest."""
    if not rates:
        return ""
    return f"{median(rates):,.0f}\n[dim]{min(rates):,.0f} to {max(rates):,.0f}[/dim]"


def as_ratio(comparison: Comparison) -> str:
    """The ratio of the medians above the spread of the pairs' and what is aimed at."""
    if comparison.ratio is None:
        return ""
    lowest, highest = min(comparison.pair_ratios), max(comparison.pair_ratios)
    shown = f"{comparison.ratio:,.2f}\n[dim]{lowest:,.2f} to {highest:,.2f}[/dim]"
    if comparison.at_least is None:
        return shown
    aim = f"aim {comparison.at_least:g}"
    return f"{shown}\n[bold red]{aim}: BELOW[/]" if comparison.is_below_aim else f"{shown}\n{aim}"
