"""Figures as files to download."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from pipeline.core.files import replace_file
from pipeline.core.local_time import local_time
from pipeline.core.notation import Notation

COLUMNS = [
    "window_start",
    "category",
    "revenue",
    "claims",
    "patients",
    "quality_run_id",
    "published_at",
]
TIMES = ("window_start", "published_at")


def write_downloads(stem: Path, figures: Sequence[Any], notation: Notation) -> None:
    """Writes figures as `<stem>.csv` and as `<stem>.parquet`, which keeps the decimals exact.

    Times are local, with their offset. The header of the CSV file names the time zone and the
    currency. In the Parquet file the type of a column names its time zone, and the metadata of the
    revenue its currency, because many readers refuse a column name with brackets.
    """
    # They take almost a second to import, so only the functions that need them import them.
    import pandas as pd  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    table = pd.DataFrame(figures, columns=COLUMNS)
    # The table's times are of pandas' own kind, which take several times as long to write.
    times = {name: _written([getattr(row, name) for row in figures], notation) for name in TIMES}
    text = table.assign(**times)
    csv = text.rename(columns=_headers(notation)).to_csv(index=False)
    replace_file(stem.with_name(f"{stem.name}.csv"), csv)
    parquet = BytesIO()
    time = pa.timestamp("us", tz=notation.zone_name)
    currency = {"currency": notation.currency} if notation.currency else None
    schema = pa.schema(
        [
            pa.field("window_start", time),
            pa.field("category", pa.string()),
            pa.field("revenue", pa.decimal128(30, 2), metadata=currency),
            pa.field("claims", pa.int64()),
            pa.field("patients", pa.int64()),
            pa.field("quality_run_id", pa.int64()),
            pa.field("published_at", time),
        ]
    )
    table.to_parquet(parquet, index=False, schema=schema)
    replace_file(stem.with_name(f"{stem.name}.parquet"), parquet.getvalue())


def _written(moments: Sequence[datetime], notation: Notation) -> list[str]:
    # The rows of a window, one per category, have the same times.
    written = {
        moment: local_time(moment, notation.zone).isoformat(sep=" ") for moment in set(moments)
    }
    return [written[moment] for moment in moments]


def _headers(notation: Notation) -> Mapping[str, str]:
    """The names of the columns that have a unit."""
    times = {name: f"{name} ({notation.zone_name})" for name in TIMES}
    return times | ({"revenue": f"revenue ({notation.currency})"} if notation.currency else {})
