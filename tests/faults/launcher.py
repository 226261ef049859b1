"""Runs an entry point, unmodified, with named points at which it can be killed.

`python -m faults.launcher PROGRAM [ARGUMENTS]`, with src and tests as import roots. Where
FAULT_BROKER names a socket, the ingestor's events come from there instead of its own publisher.
Points: before and after every COMMIT, by the connection's name; before and after every statement,
by its name; before and after every acknowledgement, by stream.
"""

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import psycopg2
from psycopg2 import extensions

from faults.points import ARMED, Points
from faults.source import BrokerSource
from pipeline.core import statements
from pipeline.core.errors import exit_on_office_error
from pipeline.core.streams import STREAMS

BROKER = "FAULT_BROKER"
# More of what libpq sends as options, such as a short lock_timeout; it overrules the pipeline's.
OPTIONS = "FAULT_OPTIONS"

T = TypeVar("T")


def main() -> None:
    """Puts the points in place, and becomes the entry point."""
    program, *arguments = sys.argv[1:]
    points = Points(os.environ.get(ARMED))
    # Before the entry point is imported: its modules take the functions by name.
    watch_statements(points)
    watch_connections(points)
    entry = importlib.import_module(program)
    if program == "ingestor":
        watch_appending(entry, points)
    if BROKER in os.environ:
        take_events_from(os.environ[BROKER], entry, points)
    sys.argv = [f"{program}.py", *arguments]
    exit_on_office_error(entry.main)


def watch_statements(points: Points) -> None:
    """Announces every statement of the pipeline's SQL, by its name and its stream."""

    def watched(function: Callable[..., T]) -> Callable[..., T]:
        def call(
            cursor: Any,  # noqa: ANN401
            name: str,
            *arguments: Any,  # noqa: ANN401
            stream: str | None = None,
        ) -> T:
            point = f"{name} {stream}" if stream else name
            points(f"before {point}")
            result = function(cursor, name, *arguments, stream=stream)
            points(f"after {point}")
            return result

        return call

    def watched_all(function: Callable[..., T]) -> Callable[..., T]:
        def call(
            cursor: Any,  # noqa: ANN401
            names: list[str],
            *arguments: Any,  # noqa: ANN401
            stream: str | None = None,
        ) -> T:
            reached = [f"{n} {stream}" if statements.is_per_stream(n) else n for n in names]
            for point in reached:
                points(f"before {point}")
            result = function(cursor, names, *arguments, stream=stream)
            for point in reached:
                points(f"after {point}")
            return result

        return call

    for name in ("execute", "fetch_one", "fetch_all"):
        setattr(statements, name, watched(getattr(statements, name)))
    # The statements of one round trip, those of fetch_last included.
    statements.execute_all = watched_all(statements.execute_all)


def watch_appending(ingestor: ModuleType, points: Points) -> None:
    """Announces what is appended by one statement, which commits by itself, by its stream."""
    append = ingestor.append

    def watched(cursor: Any, stream: str, payloads: Any) -> None:  # noqa: ANN401
        points(f"before append {stream}")
        append(cursor, stream, payloads)
        points(f"after append {stream}")

    ingestor.append = watched  # type: ignore[attr-defined]


def watch_connections(points: Points) -> None:
    """Announces every COMMIT, by its connection's name."""
    connect = psycopg2.connect

    def watched(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        base = named.pop("connection_factory", None) or extensions.connection
        name = named.get("application_name", "checks")
        if OPTIONS in os.environ:
            named["options"] = f"{named.get('options', '')} {os.environ[OPTIONS]}"
        return connect(*arguments, connection_factory=watched_class(base, name, points), **named)

    psycopg2.connect = watched


def watched_class(base: Any, name: str, points: Points) -> type:  # noqa: ANN401
    """The connection class that the pipeline wants, with its COMMIT announced."""

    class WatchedConnection(base):  # type: ignore[misc]
        def commit(self) -> None:
            points(f"before COMMIT {name}")
            super().commit()
            points(f"after COMMIT {name}")

    return WatchedConnection


def take_events_from(path: str, ingestor: ModuleType, points: Points) -> None:
    """Puts the broker in place of the ingestor's channels and its publisher."""
    for name in ("Channel", "Publisher"):
        getattr(ingestor, name)  # an AttributeError here says that the ingestor has changed
    streams = iter(STREAMS)
    ingestor.Channel = lambda: BrokerSource(path, next(streams), points)  # type: ignore[attr-defined]
    ingestor.Publisher = SilentPublisher  # type: ignore[attr-defined]


class SilentPublisher:
    """Publishes nothing, in place of the one in the ingestor's own process."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def start(self) -> None:
        """Nothing to do."""

    def stop(self, _timeout: float) -> bool:
        """Nothing to do."""
        return True


if __name__ == "__main__":
    main()
