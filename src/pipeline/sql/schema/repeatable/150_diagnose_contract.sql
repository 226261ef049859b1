-- staging.parse_diagnose: one row per call: the fields of a diagnosis, typed; reason says which rule of the contract it breaks first.
-- A rule that is added later carries the version that it applies from: `WHEN contract >= 3 AND ... THEN 'bad_icd10_code'`.
-- The planner inlines this function. OFFSET 0 keeps it from evaluating a step once for every use.
CREATE OR REPLACE FUNCTION staging.parse_diagnose(payload text, received_at timestamptz, contract integer, ids text)
RETURNS TABLE (entity_id bigint, icd10_code text, patient_id bigint, tsp timestamptz, reason text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
WITH typed AS (
    SELECT
        f.entity_id,
        f.patient_id,
        f.tsp,
        f.fault,
        CASE
            WHEN jsonb_typeof(f.document -> 'icd10_code') <> 'string' THEN NULL
            -- A code in the usual form is taken as it is.
            WHEN f.document ->> 'icd10_code' ~ '^[A-Z][0-9][0-9AB]([.][0-9]{1,4})?$' THEN f.document ->> 'icd10_code'
            WHEN contract >= 2 THEN staging.icd10_code(f.document ->> 'icd10_code')
            WHEN f.document ->> 'icd10_code' ~ '^[A-Z][0-9][0-9AB]([.][0-9A-Z]{1,4})?$' THEN f.document ->> 'icd10_code'
        END AS icd10_code
    FROM staging.parse_event(payload, received_at, contract, ids) AS f
    OFFSET 0
)

SELECT
    f.entity_id,
    f.icd10_code,
    f.patient_id,
    f.tsp,
    CASE
        WHEN f.fault IS NOT NULL THEN f.fault
        WHEN f.entity_id IS NULL THEN 'bad_id'
        WHEN f.patient_id IS NULL THEN 'bad_patient_id'
        WHEN f.icd10_code IS NULL THEN 'bad_icd10_code'
        WHEN f.tsp IS NULL THEN 'bad_tsp'
    END
FROM typed AS f
$$;

COMMENT ON FUNCTION staging.parse_diagnose(text, timestamptz, integer, text) IS
'One row: the fields of a diagnosis, typed, and the first rule that it breaks in this version of the contract; NULL if it breaks none.';
