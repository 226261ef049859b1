"""dlt as its documentation begins: dicts from a generator, merged by primary key."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dlt
from common import arguments, execute, tell_seconds
from dlt.extract import DltResource

# The office's money; without this, dlt takes the price for an integer and puts cents elsewhere.
PRICE = {"price": {"data_type": "decimal", "precision": 12, "scale": 2}}
FIRST = {
    "claim": {"id": -1, "patient_id": 1, "code": "99213", "price": 1},
    "diagnose": {"id": -1, "patient_id": 1, "icd10_code": "I10"},
}

asked = arguments(description=__doc__)
pipeline = dlt.pipeline(
    "office",
    destination=dlt.destinations.postgres(asked.url),
    dataset_name="office",
    pipelines_dir=str(asked.folder),
)


def resource(stream: str, data: Iterable[dict[str, Any]]) -> DltResource:
    hints = PRICE if stream == "claim" else None
    return dlt.resource(
        data, name=stream, write_disposition="merge", primary_key="id", columns=hints
    )


def events(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as lines:
        for line in lines:
            yield json.loads(line)


# The first run makes the tables; it is not timed.
pipeline.run([resource(stream, [FIRST[stream]]) for stream in asked.files])
for stream in asked.files:
    execute(asked.dsn, f"DELETE FROM office.{stream} WHERE id = -1")
    if asked.unique_index:
        execute(asked.dsn, f"CREATE UNIQUE INDEX {stream}_id ON office.{stream} (id)")
tell_seconds(
    asked.dsn,
    lambda: pipeline.run([resource(stream, events(file)) for stream, file in asked.files.items()]),
)
