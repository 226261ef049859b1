"""Figures as files to download."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from pipeline.core.files import replace_file

COLUMNS = [
    "window_start",
    "category",
    "revenue",
    "claims",
    "patients",
    "quality_run_id",
    "published_at",
]


def write_downloads(stem: Path, figures: Sequence[Any]) -> None:
    """Writes figures as `<stem>.csv` and as `<stem>.parquet`, which keeps the decimals exact."""
    # They take almost a second to import, so only the functions that need them import them.
    import pandas as pd  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    table = pd.DataFrame(figures, columns=COLUMNS)
    replace_file(stem.with_name(f"{stem.name}.csv"), table.to_csv(index=False))
    parquet = BytesIO()
    time = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        {
            "window_start": time,
            "category": pa.string(),
            "revenue": pa.decimal128(30, 2),
            "claims": pa.int64(),
            "patients": pa.int64(),
            "quality_run_id": pa.int64(),
            "published_at": time,
        }
    )
    table.to_parquet(parquet, index=False, schema=schema)
    replace_file(stem.with_name(f"{stem.name}.parquet"), parquet.getvalue())
