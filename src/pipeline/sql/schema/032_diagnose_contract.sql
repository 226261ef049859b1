-- staging.diagnose_contract: one row per raw row of the diagnose stream, typed; reason says which rule of the contract it breaks.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
CREATE OR REPLACE VIEW staging.diagnose_contract AS
SELECT
    f.seq,
    f.xid,
    f.received_at,
    f.entity_id,
    f.patient_id,
    typed.icd10_code,
    f.tsp,
    CASE
        WHEN f.fault IS NOT NULL THEN f.fault
        WHEN f.entity_id IS NULL THEN 'bad_id'
        WHEN f.patient_id IS NULL THEN 'bad_patient_id'
        WHEN typed.icd10_code IS NULL THEN 'bad_icd10_code'
        WHEN f.tsp IS NULL THEN 'bad_tsp'
        WHEN p.id IS NULL THEN 'unknown_patient'
    END AS reason
FROM staging.event_field AS f
CROSS JOIN LATERAL (
    -- A letter, a digit, a digit or A or B, then, behind a dot, up to four more: R41.3, C4A.0, S72.001A.
    SELECT
        CASE
            WHEN
                jsonb_typeof(f.document -> 'icd10_code') = 'string'
                AND f.document ->> 'icd10_code' ~ '^[A-Z][0-9][0-9AB]([.][0-9A-Z]{1,4})?$'
                THEN f.document ->> 'icd10_code'
        END AS icd10_code
    LIMIT 1
) AS typed
LEFT JOIN patient AS p ON f.patient_id = p.id
WHERE f.stream = 'diagnose';

COMMENT ON VIEW staging.diagnose_contract IS 'One row per raw row of the diagnose stream, typed, with the rule it breaks.';
COMMENT ON COLUMN staging.diagnose_contract.seq IS 'The raw row.';
COMMENT ON COLUMN staging.diagnose_contract.xid IS 'The transaction that wrote it.';
COMMENT ON COLUMN staging.diagnose_contract.received_at IS 'When it was received.';
COMMENT ON COLUMN staging.diagnose_contract.entity_id IS 'The diagnosis'' id.';
COMMENT ON COLUMN staging.diagnose_contract.patient_id IS 'The patient''s id, known or not.';
COMMENT ON COLUMN staging.diagnose_contract.icd10_code IS 'Code of the diagnosis, of the ICD-10-CM form.';
COMMENT ON COLUMN staging.diagnose_contract.tsp IS 'When it happened.';
COMMENT ON COLUMN staging.diagnose_contract.reason IS 'The first rule of the contract that it breaks; NULL where it keeps them all.';
