"""A database that keeps how long each statement takes, and each COMMIT."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, cast

from benchmarks import project
from pipeline.core.database import STATEMENT_SECONDS, Database
from pipeline.core.statements import (
    Cursor,
    all_statements,
    commands_in,
    for_each_stream,
    statement,
)
from pipeline.core.streams import STREAMS
from pipeline.merge.merge import merge_stream

COMMIT: Final = "COMMIT"
UNNAMED: Final = "without a name"

Seconds = dict[str, float]
"""How long each statement or part took, by its name."""


@dataclass(frozen=True)
class Merged:
    """What merging a backlog took."""

    rows: int
    batches: int
    total: float
    """Seconds of all of it."""
    seconds: Seconds = field(default_factory=dict)
    """Of all executions of a statement, by its name, and of all COMMITs, if it was observed."""
    meanwhile: Seconds = field(default_factory=dict)
    """The same of further links, which work at the same time."""

    @property
    def outside(self) -> float:
        """Seconds in Python, and of waiting for further links."""
        return self.total - sum(self.seconds.values())

    @property
    def work(self) -> Seconds:
        """The seconds of all links."""
        names = {**self.seconds, **self.meanwhile}
        return {name: self.seconds.get(name, 0) + self.meanwhile.get(name, 0) for name in names}


class Observed(Database):
    """A database whose statements go to the server one by one, so that each has its own time."""

    def __init__(
        self, dsn: str, *, name: str = "benchmark", statement_seconds: float = STATEMENT_SECONDS
    ) -> None:
        super().__init__(dsn, name=name, statement_seconds=statement_seconds)
        self.seconds: Seconds = defaultdict(float)
        """Of all executions of a statement, by its name."""
        self.meanwhile: Seconds = defaultdict(float)
        """The same of the further links that it has made."""

    def another(self, *, name: str, statement_seconds: float) -> Database:
        """As it is there, observed."""
        made = Observed(self.dsn, name=name, statement_seconds=statement_seconds)
        made.seconds = self.meanwhile
        return made

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Cursor]:
        """As it is there, observed."""
        with super().transaction(snapshot=snapshot) as cursor:
            yield cast("Cursor", ObservedCursor(cursor, self.seconds))
            ended = time.perf_counter()
        self.seconds[COMMIT] += time.perf_counter() - ended


class ObservedCursor:
    """A cursor that adds up how long it executes each statement."""

    def __init__(self, cursor: Cursor, seconds: Seconds) -> None:
        self._cursor = cursor
        self._seconds = seconds

    def execute(self, query: str, parameters: Any = None) -> None:  # noqa: ANN401
        """Executes what is sent in one round trip elsewhere, one by one."""
        for name, command in named_commands(query):
            began = time.perf_counter()
            self._cursor.execute(command, parameters)
            self._seconds[name] += time.perf_counter() - began

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """All else is the cursor's own."""
        return getattr(self._cursor, name)


@contextmanager
def observed(url: str) -> Iterator[Observed]:
    """The database over an observed link that is open, and has merged before."""
    with closing(Observed(url)) as database:
        for stream in STREAMS:
            merge_backlog(database, stream, batch_size=project.BATCH_SIZE)
        yield database


def merge_backlog(database: Database, stream: str, *, batch_size: int) -> Merged:
    """Merges what is pending of a stream, as the ingestor does it between two sweeps."""
    began = time.perf_counter()
    batches = list(merge_stream(database, stream, batch_size=batch_size, sweep=None))
    total = time.perf_counter() - began
    return Merged(sum(batch.rows for batch in batches), len(batches), total)


def merge_observed(database: Observed, stream: str, *, batch_size: int) -> Merged:
    """The same, with the seconds of its statements."""
    database.seconds.clear()
    database.meanwhile.clear()
    merged = merge_backlog(database, stream, batch_size=batch_size)
    return replace(merged, seconds={**database.seconds}, meanwhile={**database.meanwhile})


@cache
def named_commands(query: str) -> list[tuple[str, str]]:
    """The commands of a query, each with the name of its statement."""
    return [(_names().get(_bare(command), UNNAMED), command) for command in commands_in(query)]


@cache
def _names() -> dict[str, str]:
    """The name of each statement, by its text."""
    named = for_each_stream(all_statements())
    return {_bare(statement(name, stream)): name for name, stream in named}


def _bare(command: str) -> str:
    """Without what stands between it and the next one."""
    return command.strip(";\n ")
