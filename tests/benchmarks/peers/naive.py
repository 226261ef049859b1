"""A callback as it is written first: one INSERT and one COMMIT per event, a connection a stream."""

import json
from contextlib import closing
from pathlib import Path

import psycopg2
from common import arguments, for_each_stream, tell_seconds

INSERT = {
    "claim": """
        INSERT INTO claim (id, code, price, patient_id, tsp)
        VALUES (%(id)s, %(code)s, %(price)s, %(patient_id)s, now())
        ON CONFLICT (id) DO NOTHING""",
    "diagnose": """
        INSERT INTO diagnose (id, icd10_code, patient_id, tsp)
        VALUES (%(id)s, %(icd10_code)s, %(patient_id)s, now())
        ON CONFLICT (id) DO NOTHING""",
}

asked = arguments(description=__doc__)


def insert_all(stream: str, file: Path) -> None:
    with (
        closing(psycopg2.connect(asked.dsn)) as connection,
        connection.cursor() as cursor,
        file.open("rb") as lines,
    ):
        for line in lines:
            cursor.execute(INSERT[stream], json.loads(line))
            connection.commit()


tell_seconds(asked.dsn, lambda: for_each_stream(asked.files, insert_all))
