"""(b) Lines of files into staging, against bare COPY of the same lines into a bare table.

Where the time goes is told by steps: each takes the lines of one stream over one link, and has one
thing more to do than the step before it.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import project
from benchmarks.append import require_staged
from benchmarks.copying import BARE_LINES, copy, execute
from benchmarks.lab import GIVEN, OFFICE, Lab, autocommitting, checkpoint
from benchmarks.lines import Lines, make_lines
from benchmarks.results import Comparison, Figure, Result
from benchmarks.turns import Plan, Run, do_all, in_turns, seconds_of

AIM = 0.5
NAME = "load of JSON lines"
LACKS = "stream, time, number and transaction of a row, indexes, bytes that are no text"

STREAM: Final = "claim"
INTO_TABLE: Final = "COPY step (payload) FROM STDIN"
ROW: Final = """
    CREATE TABLE step (
        xid xid8 DEFAULT pg_current_xact_id(),
        seq bigint,
        stream text DEFAULT 'claim',
        payload text,
        payload_bytes bytea,
        received_at timestamptz DEFAULT now()
    )
    """
NUMBERED: Final = (
    f"{ROW}; ALTER TABLE step ALTER seq SET NOT NULL, ALTER seq ADD GENERATED ALWAYS AS IDENTITY"
)
INDEXED: Final = f"{NUMBERED}; CREATE INDEX ON step (seq)"
# What is made before, and the COPY.
STEPS: Final[Mapping[str, tuple[str, str]]] = {
    "COPY of the lines": (BARE_LINES, "COPY bare (line) FROM STDIN"),
    "with stream, time, transaction": (ROW, INTO_TABLE),
    "with a number, too": (NUMBERED, INTO_TABLE),
    "with a B-tree on it, too": (INDEXED, INTO_TABLE),
    "with a block range index on the time, too": (
        f"{INDEXED}; CREATE INDEX ON step USING brin (received_at)",
        INTO_TABLE,
    ),
    "into the partition of the day": ("SELECT", "COPY staging.event (payload) FROM STDIN"),
}
LOAD: Final = "load: read, converted, committed in portions"


def measure(lab: Lab, plan: Plan) -> Iterator[Result]:
    """Against one COPY after the other, and against both streams' at once; and where it goes."""
    lines = make_lines(lab.new_folder("lines"), plan.rows)
    for name, at_once in (("bare COPY of the lines", False), ("bare COPY, streams at once", True)):
        yield in_turns(
            lab,
            plan,
            Comparison("b", NAME, lines.events, name, LACKS, None if at_once else AIM),
            project_run(lab, lines),
            copy_run(lab, lines, at_once=at_once),
        )
    yield from steps(lab, plan, lines.file(STREAM))


def steps(lab: Lab, plan: Plan, file: Path) -> Iterator[Figure]:
    """The milliseconds of each step, in turns."""
    lab.say(f"(b) {NAME}, step by step")
    runs = [
        {**{name: step(lab, file, *each) for name, each in STEPS.items()}, LOAD: whole(lab, file)}
        for _ in range(plan.runs)
    ]
    for name in runs[0]:
        yield Figure("b", f"{STREAM}: {name}", "ms", [each[name] * 1000 for each in runs])


def step(lab: Lab, file: Path, before: str, command: str) -> float:
    """The seconds of one COPY in one transaction."""
    with lab.fresh(OFFICE) as url:
        execute(url, before)
        checkpoint(url)
        return seconds_of(partial(copy, url, command, file))


def whole(lab: Lab, file: Path) -> float:
    """The seconds of the project's load."""
    with lab.fresh(OFFICE) as url, project.opened_office(url) as databases:
        checkpoint(url)
        return seconds_of(partial(project.load, databases, {STREAM: file}))


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
            seconds = seconds_of(lambda: do_all(copies, at_once=at_once))
            with autocommitting(url) as cursor:
                cursor.execute("SELECT count(*) FROM bare")
                [copied] = cursor.fetchone()
            if copied != lines.events:
                raise RuntimeError(f"{copied} bare rows for {lines.events} lines")
        return seconds

    return run
