"""The notebook's way: a data frame into a table beside, merged from there; a thread a stream."""

from pathlib import Path

import pandas as pd
from common import arguments, for_each_stream, tell_seconds
from sqlalchemy import create_engine, text

COLUMNS = {"claim": "id, code, price, patient_id", "diagnose": "id, icd10_code, patient_id"}

asked = arguments(description=__doc__)
engine = create_engine(asked.url.replace("postgresql://", "postgresql+psycopg2://"))


def merge_all(stream: str, file: Path) -> None:
    # A code keeps its zeros.
    frame = pd.read_json(file, lines=True, dtype={"code": str, "icd10_code": str})
    frame.to_sql(f"stage_{stream}", engine, if_exists="replace", index=False)
    columns = COLUMNS[stream]
    with engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO {stream} ({columns}, tsp) "
                f"SELECT DISTINCT ON (id) {columns}, now() FROM stage_{stream} ORDER BY id "
                "ON CONFLICT (id) DO NOTHING"
            )
        )


with engine.connect() as warm:
    warm.execute(text("SELECT 1"))
tell_seconds(asked.dsn, lambda: for_each_stream(asked.files, merge_all))
