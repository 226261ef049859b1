"""Opens what is to be loaded, and gives its text as UTF-8.

Compression and encoding are told by a file's first bytes, never by its name.
"""

import codecs
import gzip
import io
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Protocol, cast

from pipeline.staging.load_errors import UnreadableError

GZIP = b"\x1f\x8b"
# Of zstd; a file may also begin with a frame of one of sixteen kinds that is skipped.
ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([kind]) + b"\x2a\x4d\x18" for kind in range(0x50, 0x60)))
ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")

# The longer ones first: the mark of UTF-32 begins like that of UTF-16.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Which of the first four bytes are zero. JSON and a header begin with two characters of ASCII.
ZERO_BYTES: Mapping[tuple[bool, ...], str] = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
}

# How much of a file is read at a time.
BUFFER_BYTES = 256 * 1024
# How much of a member's start is kept to tell what it is.
START_BYTES = 1024

ENCRYPTED_FLAG = 0x1
# What a zip file of one of these programs contains.
OFFICE_FILES = {
    "xl/": "an Excel file",
    "word/": "a Word file",
    "content.xml": "an OpenDocument file",
}


class Readable(Protocol):
    """A file that is read from its start to its end."""

    def read(self, size: int = -1, /) -> bytes:
        """As many bytes, fewer at the end of the file."""

    def read1(self, size: int = -1, /) -> bytes:
        """As many bytes at most, without waiting for more than are there."""


@dataclass(frozen=True)
class Source:
    """A file, a pipe or standard input."""

    name: str
    size: int | None
    """Its size in bytes; None for a pipe, whose end isn't known."""
    open: Callable[[bool], io.BufferedReader]
    """Opens it at its start. With True it can be opened once more."""


@dataclass(frozen=True)
class Member:
    """One of the files in a zip file, or the file itself if it is none."""

    name: str
    start: bytes
    """Its first bytes, decompressed."""
    text: io.BufferedReader
    """Its content, decompressed and in UTF-8, without a byte order mark."""


# --- sources ---


def file_source(path: Path, stack: ExitStack) -> Source:
    """A file by its path; it can be a named pipe. What is opened now is closed with the stack.

    Raises:
        UnreadableError: the file can't be opened.
    """
    with saying_why():
        if path.is_file():
            return Source(printable(str(path)), path.stat().st_size, lambda _: _opened(path))
        return pipe_source(printable(str(path)), stack.enter_context(path.open("rb")), stack)


def pipe_source(name: str, pipe: BinaryIO, stack: ExitStack) -> Source:
    """A pipe or standard input.

    A zip file from a pipe goes to a temporary file, because its directory stands at its end.

    Raises:
        UnreadableError: the pipe can't be read.
    """
    with saying_why():
        if pipe.seekable() and pipe.tell() == 0:
            return _seekable(name, pipe)
        start, again = look_ahead(cast("Readable", pipe), len(ZIPS[0]))
        if start not in ZIPS:
            return _passing(name, again)
        spool = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  (the stack closes it)
        shutil.copyfileobj(again, spool, BUFFER_BYTES)
        return _seekable(name, spool)


def _seekable(name: str, file: IO[bytes]) -> Source:
    def open_it(_: bool) -> io.BufferedReader:
        file.seek(0)
        return _opened(os.dup(file.fileno()))

    return Source(name, file.seek(0, os.SEEK_END), open_it)


def _opened(file: Path | int) -> io.BufferedReader:
    return io.BufferedReader(io.FileIO(file), BUFFER_BYTES)


def _passing(name: str, pipe: Readable) -> Source:
    kept = bytearray()

    def open_it(again: bool) -> io.BufferedReader:
        joined = _Joined(bytes(kept), pipe, keep=kept if again else None)
        return io.BufferedReader(joined, BUFFER_BYTES)

    return Source(name, None, open_it)


def printable(name: str) -> str:
    """A name for a terminal: with a question mark for what could control it."""
    return "".join(character if character.isprintable() else "?" for character in name)


@contextmanager
def saying_why() -> Iterator[None]:
    """Turns the errors of reading into one that says what is the matter."""
    try:
        yield
    except NotImplementedError:
        raise UnreadableError("is packed in a way that isn't known here: unpack it first") from None
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise UnreadableError(f"can't be read: {error.strerror}") from None
        raise UnreadableError(f"is damaged or cut off ({type(error).__name__})") from None


# --- what is in them ---


def members_of(name: str, file: io.BufferedReader) -> Generator[Member, None, None]:
    """The files in an open file: each of a zip file, in their order, otherwise the file itself.

    Raises:
        UnreadableError: it can't be unpacked.
    """
    start, again = look_ahead(file, len(ZIPS[0]))
    if start not in ZIPS:
        yield _member(name, again)
        return
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        for info in _files_in(archive):
            with archive.open(info) as packed:
                yield _member(f"{name}: {printable(info.filename)}", cast("Readable", packed))


def _files_in(archive: zipfile.ZipFile) -> Sequence[zipfile.ZipInfo]:
    """The files of a zip file, without folders and what is hidden."""
    names = archive.namelist()
    for start, kind in OFFICE_FILES.items():
        if any(name.startswith(start) for name in names):
            raise UnreadableError(f"is {kind}: save its table as CSV (UTF-8) and load that")
    files = [info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info)]
    if not files:
        raise UnreadableError("is a zip file without a file in it")
    if any(info.flag_bits & ENCRYPTED_FLAG for info in files):
        raise UnreadableError("is encrypted: unpack it with its password and load what was in it")
    return files


def _is_hidden(info: zipfile.ZipInfo) -> bool:
    """Whether a file in a zip file is hidden, or is what macOS puts beside each file."""
    parts = PurePosixPath(info.filename).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _member(name: str, packed: Readable) -> Member:
    unpacked = _decompressed(packed)
    start, whole = look_ahead(unpacked, START_BYTES)
    return Member(name, start, _as_utf8(start, whole))


def _decompressed(packed: Readable) -> Readable:
    start, file = look_ahead(packed, len(ZSTD[0]))
    if start.startswith(GZIP):
        return gzip.GzipFile(fileobj=file)
    if start in ZSTD:
        # It takes half a second to import, and few files need it.
        import pyarrow as pa  # noqa: PLC0415

        return io.BufferedReader(pa.CompressedInputStream(file, "zstd"), BUFFER_BYTES)
    return file


def _as_utf8(start: bytes, file: io.BufferedReader) -> io.BufferedReader:
    mark = next((mark for mark in BYTE_ORDER_MARKS if start.startswith(mark)), b"")
    file.read(len(mark))
    encoding = BYTE_ORDER_MARKS.get(mark) or _encoding_without_mark(start)
    if encoding == "utf-8":
        return file
    return io.BufferedReader(_Recoded(file, encoding), BUFFER_BYTES)


def _encoding_without_mark(start: bytes) -> str:
    return ZERO_BYTES.get(tuple(byte == 0 for byte in start[:4]), "utf-8")


# --- reading ---


def look_ahead(file: Readable, size: int) -> tuple[bytes, io.BufferedReader]:
    """The first bytes of a file, as many if there are, and the file to be read from its start."""
    if isinstance(file, io.BufferedReader) and len(start := file.peek(size)) >= size:
        return start[:size], file
    start = file.read(size)
    return start, io.BufferedReader(_Joined(start, file), BUFFER_BYTES)


class _Joined(io.RawIOBase):
    """A start that was read before, and the rest of a file behind it."""

    def __init__(self, start: bytes, rest: Readable, *, keep: bytearray | None = None) -> None:
        """Args: start, rest; keep: where what is read from the rest is added."""
        super().__init__()
        self._start = io.BytesIO(start)
        self._rest = rest
        self._keep = keep

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  (a buffer has no type of its own)
        """Reads what is there, at most as much as the buffer takes."""
        data = self._start.read(len(buffer))
        if not data:
            data = self._rest.read1(len(buffer))
            if self._keep is not None:
                self._keep += data
        buffer[: len(data)] = data
        return len(data)


class _Recoded(io.RawIOBase):
    """A text in another encoding, as UTF-8. Half a character pair is kept, as invalid UTF-8."""

    def __init__(self, file: Readable, encoding: str) -> None:
        super().__init__()
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._ready = io.BytesIO()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        """Reads at most as much as the buffer takes."""
        while not (data := self._ready.read(len(buffer))):
            read = self._file.read1(BUFFER_BYTES)
            text = self._decoder.decode(read, final=not read)
            if not read:
                return 0
            self._ready = io.BytesIO(text.encode("utf-8", "surrogatepass"))
        buffer[: len(data)] = data
        return len(data)
