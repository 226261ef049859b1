"""Typing ahead, also of the smallest batches, in the turn of the batch or in a thread as usual."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from pipeline.merge import merge as merge_module
from pipeline.merge import typist as typist_module


class InTurn:
    """Runs at once what a pool of threads would run in another thread."""

    def __init__(self, _: int, thread_name_prefix: str) -> None:
        self.name = thread_name_prefix

    def submit(self, step: Callable[..., Any], *arguments: object, **more: object) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(step(*arguments, **more))
        return done

    def shutdown(self) -> None:
        """Nothing is under way."""


def type_ahead_of_any(patch: pytest.MonkeyPatch, *, in_turn: bool = False) -> None:
    """From now on, the raw rows of the next batch are typed ahead however few they are."""
    patch.setattr(merge_module, "ROWS_WORTH_TYPING_AHEAD", 1)
    if in_turn:
        patch.setattr(typist_module, "ThreadPoolExecutor", InTurn)
