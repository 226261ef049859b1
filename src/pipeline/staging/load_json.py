"""Finds the objects of a JSON text that isn't one object a line: arrays, pretty-printed objects.

It finds where each object ends, and leaves it as it is written. Whether an object is valid JSON is
for the contract to say. But where brackets, strings and separators don't fit together, nobody can
tell where the next object begins, and reading ends there.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from pipeline.staging.load_errors import UnreadableError
from pipeline.staging.load_lines import BYTES_PER_TRANSACTION, LONGEST_PAYLOAD_BYTES, in_portions

CHUNK_BYTES = 1024 * 1024
# The contract takes 1,000. What is deeper is staged and rejected, as long as it is no attack.
DEEPEST_NESTING = 100_000

# What may stand between two values: white space, the separator of RFC 7464, a byte order mark.
SPACE: Final = r"[\s\x1e\ufeff]*+"
STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
TOKEN: Final = re.compile(
    SPACE + r"(?:(?P<string>" + STRING + r")|(?P<atom>[\w.+-]++)|(?P<mark>[][{},:]))",
    re.DOTALL | re.ASCII,
)
AFTER_SPACE: Final = re.compile(SPACE, re.ASCII)

OPENERS: Final = ("{", "[")
SEPARATORS: Final = (",", ":")
OPENED_BY: Final = {"}": "{", "]": "["}
VALUE: Final = "value"


def read_values(
    file: BinaryIO, *, portion_bytes: int = BYTES_PER_TRANSACTION
) -> Iterator[list[bytes]]:
    """The objects of a JSON text in portions; of an array, its elements.

    Args:
        file: the text in UTF-8.
        portion_bytes: the size of a portion, approximately.

    Raises:
        UnreadableError: it can't be told where the next object begins.
    """
    return in_portions(_Splitter(file).values(), portion_bytes)


class _Splitter:
    """Goes through a JSON text, value by value, and token by token where a value isn't valid."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._is_end = False
        # Bytes that are no UTF-8 pass through, so that the value has them as they are.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._read_value = json.JSONDecoder().raw_decode
        # What is in memory, how far it is done, and how much went before it.
        self._buffer = ""
        self._at = 0
        self._characters_before = 0
        self._lines_before = 0
        self._line_began = 0
        # The brackets that are open. An array that isn't inside another value comes first in it.
        self._nesting: list[str] = []
        self._last = ""
        # Where the value under way begins.
        self._start: int | None = None
        self._found = 0

    def values(self) -> Iterator[bytes]:
        """The values, each as it is written."""
        while True:
            if not self._take_whole_value():
                token = self._next_token()
                if token is None:
                    return
                self._take(token)
            if self._start is not None and self._is_value_ended():
                value = self._buffer[self._start : self._at]
                self._start = None
                self._found += 1
                yield value.encode("utf-8", "surrogateescape")

    def _take_whole_value(self) -> bool:
        """Takes a value at once if it comes next, is valid JSON, and is in memory as a whole."""
        if self._start is not None or (self._nesting and self._last == VALUE):
            return False
        begin = self._after_space()
        if not self._buffer.startswith(OPENERS if self._nesting else "{", begin):
            return False
        try:
            _, self._at = self._read_value(self._buffer, begin)
        except (ValueError, RecursionError):
            return False
        self._start, self._last = begin, VALUE
        return True

    def _next_token(self) -> re.Match[str] | None:
        """The next token, in whole; None at the end of the file."""
        while True:
            token = TOKEN.match(self._buffer, self._at)
            if token and (self._is_end or token.end() < len(self._buffer)):
                return token
            self._at = self._after_space()
            is_string = self._buffer.startswith('"', self._at)
            is_done = self._at == len(self._buffer)
            if self._is_end and (is_string or is_done):
                self._refuse_open_end(is_string=is_string)
                return None
            if token is None and not is_string and not is_done:
                raise self._misfit(self._at)
            self._read_more()

    def _after_space(self) -> int:
        space = AFTER_SPACE.match(self._buffer, self._at)
        return space.end() if space else self._at

    def _read_more(self) -> None:
        """Drops what is done, and reads at least as much as is left."""
        done = self._at if self._start is None else self._start
        self._line_began = self._line_start(done)
        self._lines_before += self._buffer.count("\n", 0, done)
        self._characters_before += done
        self._buffer = self._buffer[done:]
        self._at -= done
        self._start = None if self._start is None else 0
        if len(self._buffer) > LONGEST_PAYLOAD_BYTES:
            size = f"{LONGEST_PAYLOAD_BYTES >> 20} MiB"
            raise UnreadableError(f"has an object of more than {size}, after {self._done()}")
        more = self._file.read(max(CHUNK_BYTES, len(self._buffer)))
        self._is_end = not more
        self._buffer += self._decoder.decode(more, final=self._is_end)

    def _take(self, token: re.Match[str]) -> None:
        kind = token["mark"] or VALUE
        begin = token.end() - len(token[str(token.lastgroup)])
        if not self._fits(kind):
            raise self._misfit(begin)
        self._at = token.end()
        is_outer_array = kind == "[" and not self._nesting
        if kind in OPENED_BY:
            self._nesting.pop()
        elif kind not in SEPARATORS and self._start is None and not is_outer_array:
            self._start = begin
        if kind in OPENERS:
            self._open(kind)
        self._last = VALUE if kind in OPENED_BY else kind

    def _open(self, bracket: str) -> None:
        if len(self._nesting) > DEEPEST_NESTING:
            depth = f"{DEEPEST_NESTING:,}"
            raise UnreadableError(f"is nested more than {depth} deep, after {self._done()}")
        self._nesting.append(bracket)

    def _fits(self, kind: str) -> bool:
        """Whether a token can stand here. Objects are left to the contract but for their shape."""
        inside = self._nesting[-1] if self._nesting else ""
        if kind in OPENED_BY:
            return inside == OPENED_BY[kind]
        if kind == ":":
            return inside == "{" and self._last == VALUE
        if kind == ",":
            return self._last == VALUE
        if not inside:
            return kind in OPENERS
        if inside == "{" and kind in OPENERS:
            return self._last == ":"
        return self._last != VALUE

    def _is_value_ended(self) -> bool:
        is_in_array = self._nesting[:1] == ["["]
        return self._last == VALUE and len(self._nesting) == is_in_array

    def _refuse_open_end(self, *, is_string: bool) -> None:
        if self._nesting or is_string:
            raise UnreadableError(f"ends too early, after {self._done()}: it may be cut off")

    def _misfit(self, at: int) -> UnreadableError:
        line = self._lines_before + self._buffer.count("\n", 0, at) + 1
        place = f"line {line}, column {self._characters_before + at - self._line_start(at) + 1}"
        return UnreadableError(f"is not JSON at {place}, after {self._done()}: correct it there")

    def _line_start(self, at: int) -> int:
        """Where the line begins that a place of the buffer is in, counted from the file's start."""
        end_before = self._buffer.rfind("\n", 0, at)
        return self._line_began if end_before < 0 else self._characters_before + end_before + 1

    def _done(self) -> str:
        return f"{self._found} object{'' if self._found == 1 else 's'}"
