"""The streams. What differs from one stream to another is defined here, once.

SQL that serves every stream is a template (`*.sql.jinja`), rendered from these definitions. The
rules of a stream's contract are SQL of their own: `sql/schema/repeatable/*_<stream>_contract.sql`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]*")
TYPE: Final = re.compile(r"bigint|text|timestamptz|numeric\(\d+, \d+\)")


class Marks(StrEnum):
    """The windows that have to be computed again when a row of a stream is merged."""

    OWN_WINDOW = "own_window"
    """The window that the row lies in."""
    CLAIMS_OF_PATIENT = "claims_of_patient"
    """From the row's window on, the windows in which its patient has claims."""
    NOTHING = "nothing"
    """None: no figure depends on the stream."""


@dataclass(frozen=True)
class Column:
    """A column of a clean table, with its SQL type."""

    name: str
    type: str

    def __post_init__(self) -> None:
        """Refuses what is not a plain name and a known type: both become part of SQL.

        Raises:
            ValueError: the name or the type is not allowed.
        """
        if not IDENTIFIER.fullmatch(self.name) or not TYPE.fullmatch(self.type):
            raise ValueError(f"{self.name} {self.type} is not a column of a clean table")

    def measure(self, row: str) -> str:
        """What a limit of the column is compared with, as SQL: characters, or a whole number."""
        value = f"{row}.{self.name}"
        if self.type == "text":
            return f"length({value})"
        return f"trunc({value})" if self.type.startswith("numeric") else value


@dataclass(frozen=True)
class Stream:
    """A stream of events and the clean table that it is merged into.

    The clean table is called like the stream. Besides `columns` it has `id`, its key, and `tsp`.
    """

    name: str
    columns: tuple[Column, ...]
    """The content: two events of one id that differ in any of these are a conflict."""
    marks: Marks
    reasons: Mapping[str, str]
    """Why the contract rejects a raw row of this stream, besides the reasons of all streams."""

    def __post_init__(self) -> None:
        """Refuses a name that is not plain: it becomes part of SQL.

        Raises:
            ValueError: the name is not allowed.
        """
        if not IDENTIFIER.fullmatch(self.name):
            raise ValueError(f"{self.name} is not the name of a stream")

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the content columns."""
        return tuple(column.name for column in self.columns)

    @property
    def limited_columns(self) -> tuple[Column, ...]:
        """The content columns that may hold less than the contract allows: `bad_<column>` then."""
        return tuple(each for each in self.columns if f"bad_{each.name}" in self.reasons)

    def content(self, prefix: str = "") -> str:
        """The names of the content columns as SQL lists them, each behind a prefix like `c.`."""
        return ", ".join(f"{prefix}{name}" for name in self.column_names)


CLAIM: Final = Stream(
    name="claim",
    columns=(
        Column("code", "text"),
        Column("price", "numeric(12, 2)"),
        Column("patient_id", "bigint"),
    ),
    marks=Marks.OWN_WINDOW,
    reasons={
        "bad_code": "the code is not a text of 1 to 16 characters, white space around it aside",
        "bad_price": (
            "the price is not a number from 0 to 9,999,999,999.99 with at most two decimals"
        ),
    },
)

DIAGNOSE: Final = Stream(
    name="diagnose",
    columns=(Column("icd10_code", "text"), Column("patient_id", "bigint")),
    marks=Marks.CLAIMS_OF_PATIENT,
    reasons={
        "bad_icd10_code": "the icd10_code does not have the form of an ICD-10 code, like R41.3"
    },
)

STREAMS: Final[Mapping[str, Stream]] = {stream.name: stream for stream in (CLAIM, DIAGNOSE)}
