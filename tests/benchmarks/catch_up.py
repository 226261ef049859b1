"""(g) A day's events that wait in staging, because nothing was merged: how long the merge takes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg2

from benchmarks import project
from benchmarks.copying import expected_rows, require_rows
from benchmarks.lab import OFFICE, Lab, checkpoint
from benchmarks.lines import Lines, make_lines
from benchmarks.results import Comparison
from benchmarks.rows import vacuum
from benchmarks.turns import Plan, Run, alone, seconds_of

# One event of each stream every two seconds, and a fifth of all that arrives repeats one.
DAY_EVENTS: Final = 2 * 43_200 * 5 // 4
OUTAGE_SQL: Final = (Path(__file__).parent / "outage.sql").read_text(encoding="utf-8")
WAITING: Final = """
    CREATE TEMPORARY TABLE waiting (
        stream text DEFAULT '{}', number bigint GENERATED ALWAYS AS IDENTITY, line text
    )
    """


def measure(lab: Lab, plan: Plan) -> Iterator[Comparison]:
    """There is nobody to compare it with: others have no rows that wait."""
    lines = make_lines(lab.new_folder("day"), min(DAY_EVENTS, plan.rows))
    yield alone(
        lab,
        plan,
        Comparison("g", f"merge of {lines.events:,} waiting events", lines.events),
        project_run(lab, lines),
    )


def project_run(lab: Lab, lines: Lines) -> Run:
    """The merge at the start after the outage."""
    expected = expected_rows(lab, lines)

    def run() -> float:
        with lab.fresh(OFFICE) as url:
            stage(url, lines)
            vacuum(url)
            with project.opened_office(url) as databases:
                checkpoint(url)
                seconds = seconds_of(lambda: project.merge(databases))
            require_rows("this project", url, "public", expected)
        return seconds

    return run


def stage(url: str, lines: Lines) -> None:
    """Each event as it arrives: in a transaction of its own, at its time."""
    with closing(psycopg2.connect(url)) as opened, opened.cursor() as cursor:
        opened.autocommit = True
        cursor.execute("SET synchronous_commit = off")
        for stream in lines.counts:
            cursor.execute(WAITING.format(stream))
            with lines.file(stream).open("rb") as file:
                cursor.copy_expert("COPY waiting (line) FROM STDIN", file)
            cursor.execute(OUTAGE_SQL)
            cursor.execute("DROP TABLE waiting")
