"""dlt at its best: Arrow tables, read by Arrow, sent as Parquet over ADBC, merged by key."""

from decimal import Decimal
from pathlib import Path

import dlt
import pyarrow as pa
import pyarrow.json
from common import arguments, execute, tell_seconds
from dlt.extract import DltResource

SCHEMAS = {
    "claim": pa.schema(
        {
            "id": pa.int64(),
            "patient_id": pa.int64(),
            "code": pa.string(),
            "price": pa.decimal128(12, 2),
        }
    ),
    "diagnose": pa.schema({"id": pa.int64(), "patient_id": pa.int64(), "icd10_code": pa.string()}),
}
FIRST = {
    "claim": {"id": -1, "patient_id": 1, "code": "99213", "price": Decimal(1)},
    "diagnose": {"id": -1, "patient_id": 1, "icd10_code": "I10"},
}

asked = arguments(description=__doc__)
strategy = asked.strategy or "upsert"  # the fastest of all here
pipeline = dlt.pipeline(
    "office",
    destination=dlt.destinations.postgres(asked.url),
    dataset_name="office",
    pipelines_dir=str(asked.folder),
)


def resource(stream: str, table: pa.Table) -> DltResource:
    return dlt.resource(
        [table],
        name=stream,
        write_disposition={"disposition": "merge", "strategy": strategy},
        primary_key="id",
    )


def events(stream: str, file: Path) -> pa.Table:
    options = pa.json.ParseOptions(explicit_schema=SCHEMAS[stream])
    read = pa.json.ReadOptions(block_size=16 * 2**20)
    table = pa.json.read_json(file, read_options=read, parse_options=options)
    if strategy == "delete-insert":
        return table
    # The other strategies take every id for a new one that the table hasn't got.
    numbered = table.select(["id"]).append_column("row", pa.array(range(len(table))))
    firsts = numbered.group_by("id").aggregate([("row", "min")])
    return table.take(firsts["row_min"])


def run(tables: list[DltResource]) -> None:
    pipeline.run(tables, loader_file_format="parquet").raise_on_failed_jobs()


# The first run makes the tables; it is not timed.
run(
    [
        resource(stream, pa.Table.from_pylist([FIRST[stream]], SCHEMAS[stream]))
        for stream in asked.files
    ]
)
for stream in asked.files:
    execute(asked.dsn, f"DELETE FROM office.{stream} WHERE id = -1")
    if asked.unique_index:
        execute(asked.dsn, f"CREATE UNIQUE INDEX IF NOT EXISTS {stream}_id ON office.{stream} (id)")
tell_seconds(
    asked.dsn,
    lambda: run([resource(stream, events(stream, file)) for stream, file in asked.files.items()]),
)
