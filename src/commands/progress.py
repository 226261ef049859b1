"""Progress bars on standard error, shown if it is a terminal."""

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
    """Gives a callback that advances a progress bar. The bar disappears at the end.

    If there is nothing to do, no bar is shown.

    Args:
        description: the work that is done.
        unit: the unit of the work; `bytes` are shown as MB and the like.
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
    """A function that yields items one by one, and reports progress after each."""

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
        # The bar must not change what is written to standard output.
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not sys.stderr.isatty(),
    )


class _Amount(ProgressColumn):
    """The amount done of the total."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The amounts with their unit; empty while the total is unknown."""
        if not task.total:
            return Text()
        return Text(f"{task.completed:,.0f} of {task.total:,.0f} {self._unit}")
