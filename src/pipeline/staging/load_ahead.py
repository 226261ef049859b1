"""Reads a portion of a file while the server takes the one before."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")


def read_ahead(portions: Generator[T, None, None]) -> Generator[T, None, None]:
    """The same portions in their order. One at most is read ahead, so that memory stays bounded.

    An error of reading comes where it would have come: behind the portions before it.
    """
    with closing(portions), ThreadPoolExecutor(1, "read ahead") as reader:
        coming = reader.submit(next, portions, None)
        while (portion := coming.result()) is not None:
            coming = reader.submit(next, portions, None)
            yield portion
