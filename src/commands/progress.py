"""Progress bars on standard error, where that is a terminal; what is known to end has an end."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipeline.core.progress import OnProgress

# With the longest counts and units, a bar of this width leaves a line within 80 columns.
BAR_WIDTH = 20

T = TypeVar("T")


@contextmanager
def bar(description: str, unit: str) -> Iterator[OnProgress]:
    """What is told of work done, and of how much in all, moves a bar; it goes when it is over.

    Where there is nothing to do, no bar is shown.

    Args:
        description: what is done.
        unit: of what so much is done; `bytes` are shown as MB and the like.
    """
    shown = _progress(unit)
    task = shown.add_task(description, total=None)

    def on_progress(done: int, total: int) -> None:
        shown.update(task, advance=done, total=total)
        if total:
            shown.start()

    try:
        yield on_progress
    finally:
        if shown.live.is_started:
            shown.stop()


def one_by_one(on_progress: OnProgress) -> Callable[[Sequence[T]], Iterator[T]]:
    """What hands on things to do, and tells when each is done."""

    def hand_on(things: Sequence[T]) -> Iterator[T]:
        on_progress(0, len(things))
        for thing in things:
            yield thing
            on_progress(1, len(things))

    return hand_on


def _progress(unit: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(BAR_WIDTH),
        DownloadColumn() if unit == "bytes" else _Amount(unit),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        # Results go to standard output as they are, wherever that goes.
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not sys.stderr.isatty(),
    )


class _Amount(ProgressColumn):
    """So many of so many."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The amounts in words; nothing while the total isn't known."""
        if not task.total:
            return Text()
        return Text(f"{task.completed:,.0f} of {task.total:,.0f} {self._unit}")
