"""The input of the benchmarks: files of JSON lines as the office sends them, and what is in them.

The same seed makes the same files. A fifth of the lines repeats an earlier one to the byte, so that
the final rows are the same whoever's row wins; half of these repeat one of the last lines, the
others any.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from publisher import claims, diagnoses

SEED: Final = "a doctor's office"
DUPLICATE_SHARE: Final = 0.2
NEAR: Final = 100
"""How many lines before it a near repeat can be of."""
TYPED_TSP: Final = "2026-01-01 00:00:00+00"
"""The time in the typed rows: the office's events carry none."""

EVENTS: Final = {"claim": claims, "diagnose": diagnoses}
COLUMNS: Final = {
    "claim": ("id", "code", "price", "patient_id"),
    "diagnose": ("id", "icd10_code", "patient_id"),
}


@dataclass(frozen=True)
class Lines:
    """Lines of some streams: a file of JSON lines each, and one of the typed rows in them."""

    folder: Path
    first_id: int
    counts: dict[str, int]

    @property
    def events(self) -> int:
        """All lines."""
        return sum(self.counts.values())

    def distinct(self, stream: str) -> int:
        """Ids in a stream's lines that these lines are the first to have."""
        return self.counts[stream] - repeats_in(self.counts[stream])

    def file(self, stream: str) -> Path:
        """The JSON lines of a stream."""
        return self.folder / f"{stream}.jsonl"

    def typed_file(self, stream: str) -> Path:
        """What COPY reads: one typed row per id."""
        return self.folder / f"{stream}.tsv"

    def files(self) -> dict[str, Path]:
        """The JSON lines by stream."""
        return {stream: self.file(stream) for stream in self.counts}


def repeats_in(count: int) -> int:
    """How many of so many lines repeat another."""
    return round(count * DUPLICATE_SHARE)


# Draws an event that was there before these lines; none where nothing was.
Earlier = Callable[[str, Random], bytes | None]


def make_lines(
    folder: Path,
    events: int,
    *,
    streams: tuple[str, ...] = ("claim", "diagnose"),
    first_id: int = 1,
    earlier: Earlier | None = None,
) -> Lines:
    """Makes so many lines, as many of each stream; ids count up from the first.

    Args:
        folder: where the files go; made.
        events: lines of all streams together.
        streams: which ones.
        first_id: the first id of each stream.
        earlier: what the repeats that aren't near repeat, instead of these lines.
    """
    folder.mkdir(parents=True)
    counts = dict.fromkeys(streams, events // len(streams))
    made = Lines(folder, first_id, counts)
    for stream, count in counts.items():
        rng = Random(f"{SEED} {stream} {first_id}")
        new = EVENTS[stream](first_id, rng, duplicate_share=0, first_patient=1)
        written = _write(made.file(stream), _with_repeats(stream, new, count, rng, earlier))
        _write(made.typed_file(stream), map(_typed, dict.fromkeys(written)))
    return made


def _with_repeats(
    stream: str, new: Iterator[bytes], count: int, rng: Random, earlier: Earlier | None
) -> Iterator[bytes]:
    repeats = repeats_in(count)
    firsts = list(islice(new, count - repeats))
    is_repeat = [True] * repeats + [False] * (len(firsts) - 1)
    rng.shuffle(is_repeat)
    yield firsts[0]
    sent = 1
    for repeat in is_repeat:
        if not repeat:
            yield firsts[sent]
            sent += 1
            continue
        near = rng.random() < 1 / 2
        far = earlier(stream, rng) if earlier and not near else None
        yield far or firsts[rng.randrange(max(0, sent - NEAR) if near else 0, sent)]


def _write(file: Path, lines: Iterator[bytes]) -> list[bytes]:
    written = list(lines)
    with file.open("wb") as opened:
        opened.writelines(line + b"\n" for line in written)
    return written


def _typed(line: bytes) -> bytes:
    """A line of COPY's text format, of an event of either stream."""
    event: dict[str, Any] = json.loads(line)
    columns = COLUMNS["claim" if "price" in event else "diagnose"]
    return "\t".join([*(str(event[column]) for column in columns), TYPED_TSP]).encode()
