"""Loads files into staging: looks at all of them first, then stages one after the other."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from pipeline.core.database import Database
from pipeline.staging.append import append
from pipeline.staging.load_ahead import read_ahead
from pipeline.staging.load_errors import UnreadableError
from pipeline.staging.load_formats import Form, read_payloads
from pipeline.staging.load_lines import Payloads
from pipeline.staging.load_look import BYTES, PAYLOADS, doubt_about, looks_like, sample_of
from pipeline.staging.load_open import Member, Source, members_of, saying_why


@dataclass(frozen=True)
class Portion:
    """Payloads that one transaction appends."""

    name: str
    """The file that they come from."""
    form: Form
    payloads: Payloads
    position: int
    """How much of the source has been read, in bytes."""


def files_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of a folder in the order of their names, and what else is in it or is hidden."""
    entries = sorted(folder.iterdir())
    files = [entry for entry in entries if entry.is_file() and not entry.name.startswith(".")]
    return files, [entry for entry in entries if entry not in files]


def doubts(
    database: Database, stream: str, sources: Sequence[Source], *, has_decimal_comma: bool
) -> list[str]:
    """Why files should not be staged: a line for each file about which there is a doubt."""
    look = partial(_look_at, database, stream, has_decimal_comma=has_decimal_comma)
    return [doubt for source in sources if (doubt := look(source))]


def load(
    database: Database, stream: str, source: Source, *, has_decimal_comma: bool = False
) -> Iterator[Portion]:
    """Stages what is in a file, in several transactions; yields each portion after its COMMIT.

    Raises:
        UnreadableError: the file can't be read any further; what was read before is staged. Its
            text begins with the file's name.
    """
    portions = _portions(source, has_decimal_comma=has_decimal_comma)
    # A pipe can be silent for ever, and a thread that waits for it would keep us from ending.
    if source.size is not None:
        portions = read_ahead(portions)
    with closing(portions):
        for portion in portions:
            database.run(partial(append, stream=stream, payloads=portion.payloads))
            yield portion


def _look_at(
    database: Database, stream: str, source: Source, *, has_decimal_comma: bool
) -> str | None:
    name = source.name
    try:
        with saying_why(), source.open(True) as file, closing(members_of(name, file)) as members:
            for member in members:
                name = member.name
                doubt = _doubt_about_member(database, stream, member, has_decimal_comma)
                if doubt:
                    return f"{name} {doubt}"
    except UnreadableError as error:
        return f"{name} {error}"
    return None


def _doubt_about_member(
    database: Database, stream: str, member: Member, has_decimal_comma: bool
) -> str | None:
    if kind := looks_like(member.start):
        return f"is not JSON: looks like {kind}"
    form, portions = read_payloads(
        member.text, has_decimal_comma=has_decimal_comma, portion_bytes=BYTES
    )
    sample = sample_of(list(islice(chain.from_iterable(portions), PAYLOADS)))
    return database.run(partial(doubt_about, stream=stream, form=form, sample=sample))


def _portions(source: Source, *, has_decimal_comma: bool) -> Generator[Portion, None, None]:
    name = source.name
    try:
        with saying_why(), source.open(False) as file, closing(members_of(name, file)) as members:
            for member in members:
                name = member.name
                form, portions = read_payloads(member.text, has_decimal_comma=has_decimal_comma)
                for payloads in portions:
                    yield Portion(name, form, payloads, file.tell() if source.size else 0)
    except UnreadableError as error:
        raise UnreadableError(f"{name} {error}") from None
