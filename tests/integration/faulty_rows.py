"""Claims that the database can't process, whatever the contract says of them."""

import json
from typing import Final

from pipeline.core.database import Database

# As a practice's own trigger would. A claim's code says what goes wrong.
TRIGGER: Final = """
    CREATE FUNCTION public.go_wrong() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.code = 'slow' THEN
            PERFORM pg_sleep(600);
        ELSIF NEW.code = 'cancelled' THEN
            PERFORM pg_cancel_backend(pg_backend_pid());
            PERFORM pg_sleep(600);
        END IF;
        RAISE 'a planted error of %', NEW USING ERRCODE = NEW.code;
    END $$;
    CREATE TRIGGER go_wrong BEFORE INSERT ON claim FOR EACH ROW
    WHEN (NEW.code <> 'A') EXECUTE FUNCTION public.go_wrong();
    """
# As a mistake in the contract would: the function that judges a claim breaks down on one of them.
CONTRACT: Final = """
    DO $do$ BEGIN
        EXECUTE replace(
            pg_get_functiondef(
                'staging.parse_claim(text, timestamptz, integer, text)'::regprocedure
            ),
            'staging.parse_claim', 'staging.sound_claim'
        );
    END $do$;
    CREATE OR REPLACE FUNCTION staging.parse_claim(
        payload text, received_at timestamptz, contract integer, ids text
    )
    RETURNS TABLE (
        entity_id bigint, code text, price numeric, patient_id bigint, tsp timestamptz, reason text
    )
    LANGUAGE plpgsql IMMUTABLE
    AS $$
    BEGIN
        IF payload LIKE '%"code": "22012"%' THEN
            PERFORM 1 / 0;
        END IF;
        RETURN QUERY SELECT s.* FROM staging.sound_claim(payload, received_at, contract, ids) AS s;
    END $$;
    """
# What PostgreSQL says where a value, a constraint, a limit, a trigger or it itself refuses a row.
ERRORS: Final = ("22012", "22P02", "23514", "23503", "54001", "54000", "P0001", "XX000")


def plant(database: Database, fault: str) -> None:
    """From now on, claims whose code is not A can't be processed."""
    with database.transaction() as cursor:
        cursor.execute(fault)


def faulty_claim(number: int, code: str = "A") -> bytes:
    """A claim whose processing ends with the SQLSTATE that its code is; `slow`, it never ends."""
    return json.dumps({"id": number, "patient_id": 1, "code": code, "price": 1}).encode()
