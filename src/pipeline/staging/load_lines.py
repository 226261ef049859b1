"""Reads a file of lines: JSON Lines, the fast path."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from pipeline.staging.load_errors import UnreadableError

# How much of a file one transaction takes: little enough for memory, much enough for speed.
BYTES_PER_TRANSACTION = 8 * 1024 * 1024
# The contract takes 1 MiB. What is larger is staged and rejected, as long as memory holds it.
LONGEST_PAYLOAD_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True)
class Lines:
    """Lines in one piece, as a file has them: it costs far less than an object for each line."""

    block: bytes
    """The lines with an LF between them."""

    def __len__(self) -> int:
        """How many they are."""
        return self.block.count(b"\n") + 1

    def __iter__(self) -> Iterator[bytes]:
        """Each line."""
        return iter(self.block.split(b"\n"))

    def cut(self, size: int) -> Iterator["Lines"]:
        """The same lines in pieces of at least such a size, but for the last one."""
        begin = 0
        while (end := self.block.find(b"\n", begin + size)) >= 0:
            yield Lines(self.block[begin:end])
            begin = end + 1
        yield Lines(self.block[begin:])


# What one transaction appends.
Payloads = Sequence[bytes] | Lines


def read_lines(file: BinaryIO, *, portion_bytes: int = BYTES_PER_TRANSACTION) -> Iterator[Lines]:
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


def as_lines(payloads: Sequence[bytes]) -> Lines | None:
    """Payloads in one piece; None if one of them has a line end in it."""
    lines = Lines(b"\n".join(payloads))
    return lines if len(lines) == len(payloads) else None


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


def _lines_in(block: bytes) -> Iterator[Lines]:
    # Most files have no CR, and to look for it alone is quicker than to replace CRLF everywhere.
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").removesuffix(b"\r")
    block = block.strip(b"\n")
    while b"\n\n" in block:
        block = block.replace(b"\n\n", b"\n")
    if block:
        yield Lines(block)
