"""How long work tells its caller how far it has come."""

from collections.abc import Callable

OnProgress = Callable[[int, int], None]
"""Is called with how much more is done, and with how much there is in all."""


def ignore_progress(_done: int, _total: int) -> None:
    """For a caller who does not want to know."""
