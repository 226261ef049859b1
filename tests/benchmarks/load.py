"""(b) Lines of files into staging, against bare COPY of the same lines into a bare table."""

from collections.abc import Iterator
from functools import partial

from benchmarks import project
from benchmarks.append import require_staged
from benchmarks.copying import BARE_LINES, copy, copy_all, execute
from benchmarks.lab import GIVEN, OFFICE, Lab, autocommitting, checkpoint
from benchmarks.lines import Lines, make_lines
from benchmarks.results import Comparison
from benchmarks.turns import Plan, Run, in_turns, seconds_of

AIM = 0.8
NAME = "load of JSON lines"
LACKS = "stream, time, number and transaction of a row, indexes, bytes that are no text"


def measure(lab: Lab, plan: Plan) -> Iterator[Comparison]:
    """Against one COPY after the other, and against both streams' at once."""
    lines = make_lines(lab.new_folder("lines"), plan.rows)
    for name, at_once in (("bare COPY of the lines", False), ("bare COPY, streams at once", True)):
        yield in_turns(
            lab,
            plan,
            Comparison("b", NAME, lines.events, name, LACKS, None if at_once else AIM),
            project_run(lab, lines),
            copy_run(lab, lines, at_once=at_once),
        )


def project_run(lab: Lab, lines: Lines) -> Run:
    """The project's load."""

    def run() -> float:
        with lab.fresh(OFFICE) as url, project.office(url) as database:
            checkpoint(url)
            seconds = seconds_of(lambda: project.load(database, lines.files()))
            require_staged(url, lines.events)
        return seconds

    return run


def copy_run(lab: Lab, lines: Lines, *, at_once: bool) -> Run:
    """COPY into a table of one column."""

    def run() -> float:
        with lab.fresh(GIVEN) as url:
            execute(url, BARE_LINES)
            copies = [
                partial(copy, url, "COPY bare (line) FROM STDIN", file)
                for file in lines.files().values()
            ]
            checkpoint(url)
            seconds = seconds_of(lambda: copy_all(copies, at_once=at_once))
            with autocommitting(url) as cursor:
                cursor.execute("SELECT count(*) FROM bare")
                [copied] = cursor.fetchone()
            if copied != lines.events:
                raise RuntimeError(f"{copied} bare rows for {lines.events} lines")
        return seconds

    return run
