"""Reads a file of lines: JSON Lines, the fast path."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from pipeline.staging.load_errors import UnreadableError

# How much of a file one transaction takes: little enough for memory, much enough for speed.
BYTES_PER_TRANSACTION = 8 * 1024 * 1024
# The contract takes 1 MiB. What is larger is staged and rejected, as long as memory holds it.
LONGEST_PAYLOAD_BYTES = 128 * 1024 * 1024


def read_lines(
    file: BinaryIO, *, portion_bytes: int = BYTES_PER_TRANSACTION
) -> Iterator[list[bytes]]:
    """The lines of a file in portions, without their ends, LF or CRLF. Empty lines are left out.

    Args:
        file: the file.
        portion_bytes: the size of a portion, approximately.

    Raises:
        UnreadableError: a line is too long to be held in memory.
    """
    rest = b""
    while block := file.read(portion_bytes):
        whole, _, rest = (rest + block).rpartition(b"\n")
        yield from _lines_in(whole)
        if len(rest) > LONGEST_PAYLOAD_BYTES:
            raise UnreadableError(f"has a line of more than {LONGEST_PAYLOAD_BYTES >> 20} MiB")
    yield from _lines_in(rest)


def in_portions(payloads: Iterator[bytes], portion_bytes: int) -> Iterator[list[bytes]]:
    """Payloads in portions of such a size. What was read before an error comes before it."""
    size = portion_bytes
    failure = None
    while failure is None and size >= portion_bytes:
        portion, size = [], 0
        try:
            for payload in payloads:
                portion.append(payload)
                size += len(payload)
                if size >= portion_bytes:
                    break
        except UnreadableError as error:
            failure = error
        if portion:
            yield portion
    if failure:
        raise failure


class CarriageReturns(io.RawIOBase):
    """A file whose lines end in CR, with LF in place of each CR."""

    def __init__(self, file: io.BufferedReader) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  (a buffer has no type of its own)
        """Reads at most as much as the buffer takes."""
        data = self._file.read1(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(data)] = data
        return len(data)


def _lines_in(block: bytes) -> Iterator[list[bytes]]:
    block = block.replace(b"\r\n", b"\n").removesuffix(b"\r")
    if lines := [line for line in block.split(b"\n") if line]:
        yield lines
