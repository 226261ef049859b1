"""The contract of each stream for machines: a file of the Open Data Contract Standard (ODCS) 3.1.

What it says is said once, elsewhere: the columns and their comments in the database, the reasons of
rejections in `core`, the checks in the suites.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from pipeline.core.contract import reasons_of
from pipeline.core.files import replace_file
from pipeline.core.statements import Cursor, fetch_all, fetch_one, statement
from pipeline.core.streams import STREAMS, Stream

Document = dict[str, Any]

STANDARD: Final = "v3.1.0"
WIDTH: Final = 110
HEADER: Final = "# Written by `python src/office.py contracts`. Open Data Contract Standard 3.1.\n"

USAGE: Final = (
    "An event is a JSON object with these fields; tsp may be left out. It is kept as it came in "
    "staging.event. Other fields are allowed. An event that breaks a rule is rejected with the "
    "first reason that applies, and nothing else is held up by it."
)
LIMITATIONS: Final = (
    "The first event of an id stays. A later one with the same content is a duplicate, one with "
    "other content a conflict; both are kept in staging only."
)

# The logical type of a column, by how PostgreSQL's name of its type begins.
_LOGICAL_TYPES: Final[Mapping[str, str]] = {
    "bigint": "integer",
    "integer": "integer",
    "numeric": "number",
    "timestamp": "timestamp",
}


@dataclass(frozen=True)
class Service:
    """What is agreed about delivery.

    Attributes:
        every_seconds: the time between two events of a stream.
        keep_days: days for which raw rows stay in the database; 0: for ever.
    """

    every_seconds: float
    keep_days: int


def write_contracts(
    cursor: Cursor, *, folder: Path, expectations: Path, service: Service
) -> list[Path]:
    """Writes the contract of each stream into a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for stream in STREAMS.values():
        suite = json.loads((expectations / f"{stream.name}.json").read_text(encoding="utf-8"))
        document = contract_of(cursor, stream, suite["expectations"], service)
        file = folder / f"{stream.name}.odcs.yaml"
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=WIDTH)
        replace_file(file, HEADER + text)
        written.append(file)
    return written


def contract_of(
    cursor: Cursor, stream: Stream, checks: list[Document], service: Service
) -> Document:
    """The contract of a stream as a document of the standard."""
    table = fetch_one(cursor, "report/contract/stream", {"stream": stream.name})
    columns = fetch_all(cursor, "report/contract/columns", {"stream": stream.name})
    described = _with_description(table.description)
    return {
        "apiVersion": STANDARD,
        "kind": "DataContract",
        "id": f"doctor-office-{stream.name}",
        "name": stream.name,
        "version": str(table.version),
        "status": "active",
        "description": {"usage": USAGE, "limitations": LIMITATIONS},
        "schema": [
            {
                "name": stream.name,
                "physicalName": stream.name,
                "physicalType": "table",
                "logicalType": "object",
                **described,
                "properties": [_property(column) for column in columns],
                "quality": [
                    *(_rejection(*reason) for reason in reasons_of(stream).items()),
                    _adds_up(stream),
                    *(_check(check) for check in checks),
                ],
            }
        ],
        "slaProperties": _service_levels(service),
    }


def _property(column: Any) -> Document:  # noqa: ANN401  (a row)
    key = {"primaryKey": True, "primaryKeyPosition": 1, "unique": True} if column.is_key else {}
    return {
        "name": column.name,
        "logicalType": _logical_type(column.type),
        "physicalType": column.type,
        "required": column.is_required,
        **key,
        **_with_description(column.description),
    }


def _logical_type(type_name: str) -> str:
    return next((t for start, t in _LOGICAL_TYPES.items() if type_name.startswith(start)), "string")


def _with_description(description: str | None) -> Document:
    return {"description": description} if description else {}


def _rejection(reason: str, meaning: str) -> Document:
    return {
        "name": reason,
        "type": "text",
        "dimension": "conformity",
        "severity": "error",
        "description": f"A raw row is rejected if {meaning}.",
    }


def _adds_up(stream: Stream) -> Document:
    comment, _, query = statement("report/contract/unbalanced", stream.name).partition("\n")
    return {
        "name": "adds_up",
        "type": "sql",
        "dimension": "completeness",
        "severity": "error",
        "description": comment.removeprefix("-- "),
        "query": query.strip(),
        "mustBe": 0,
    }


def _check(check: Document) -> Document:
    return {
        "name": check["description"],
        "type": "custom",
        "severity": check["severity"],
        "engine": "greatExpectations",
        "implementation": {"type": check["type"], "kwargs": check["kwargs"]},
    }


def _service_levels(service: Service) -> list[Document]:
    retention = (
        {"value": service.keep_days, "unit": "d"} if service.keep_days else {"value": "unlimited"}
    )
    return [
        {
            "property": "frequency",
            "value": service.every_seconds,
            "unit": "s",
            "description": "Time between two events of the stream.",
        },
        {
            "property": "retention",
            **retention,
            "description": "How long raw rows stay in the database. Older days are kept in files.",
        },
    ]
