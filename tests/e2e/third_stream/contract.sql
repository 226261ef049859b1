-- staging.parse_prescription: one row per call: the fields of a prescription, typed; reason says which rule it breaks first.
CREATE OR REPLACE FUNCTION staging.parse_prescription(payload text, received_at timestamptz, contract integer, ids text)
RETURNS TABLE (entity_id bigint, drug text, units bigint, patient_id bigint, tsp timestamptz, reason text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
WITH typed AS (
    SELECT
        f.entity_id,
        f.patient_id,
        f.tsp,
        f.fault,
        CASE WHEN length(f.document ->> 'drug') BETWEEN 1 AND 40 THEN f.document ->> 'drug' END AS drug,
        CASE
            WHEN jsonb_typeof(f.document -> 'units') = 'number' AND pg_input_is_valid(f.document ->> 'units', 'bigint')
                THEN nullif(greatest((f.document ->> 'units')::bigint, 0), 0)
        END AS units
    FROM staging.parse_event(payload, received_at, contract, ids) AS f
    OFFSET 0
)

SELECT
    f.entity_id,
    f.drug,
    f.units,
    f.patient_id,
    f.tsp,
    CASE
        WHEN f.fault IS NOT NULL THEN f.fault
        WHEN f.entity_id IS NULL THEN 'bad_id'
        WHEN f.patient_id IS NULL THEN 'bad_patient_id'
        WHEN f.drug IS NULL THEN 'bad_drug'
        WHEN f.units IS NULL THEN 'bad_units'
        WHEN f.tsp IS NULL THEN 'bad_tsp'
    END
FROM typed AS f
$$;

COMMENT ON FUNCTION staging.parse_prescription(text, timestamptz, integer, text) IS
'One row: the fields of a prescription, typed, and the first rule that it breaks in this version of the contract; NULL if none.';
