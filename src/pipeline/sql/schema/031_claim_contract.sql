-- staging.claim_contract: one row per raw row of the claim stream, typed; reason says which rule of the contract it breaks.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
CREATE OR REPLACE VIEW staging.claim_contract AS
SELECT
    f.seq,
    f.xid,
    f.received_at,
    f.entity_id,
    f.patient_id,
    typed.code,
    typed.price::numeric(12, 2) AS price,
    f.tsp,
    CASE
        WHEN f.fault IS NOT NULL THEN f.fault
        WHEN f.entity_id IS NULL THEN 'bad_id'
        WHEN f.patient_id IS NULL THEN 'bad_patient_id'
        WHEN typed.code IS NULL THEN 'bad_code'
        WHEN typed.price IS NULL THEN 'bad_price'
        WHEN f.tsp IS NULL THEN 'bad_tsp'
        WHEN p.id IS NULL THEN 'unknown_patient'
    END AS reason
FROM staging.event_field AS f
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN jsonb_typeof(f.document -> 'code') = 'string' THEN f.document ->> 'code' END AS code,
        CASE WHEN jsonb_typeof(f.document -> 'price') = 'number' THEN (f.document ->> 'price')::numeric END AS price
    LIMIT 1
) AS token
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN length(token.code) BETWEEN 1 AND 16 THEN token.code END AS code,
        CASE
            WHEN token.price >= 0 AND token.price < 10000000000 AND scale(trim_scale(token.price)) <= 2 THEN token.price
        END AS price
    LIMIT 1
) AS typed
LEFT JOIN patient AS p ON f.patient_id = p.id
WHERE f.stream = 'claim';

COMMENT ON VIEW staging.claim_contract IS 'One row per raw row of the claim stream, typed, with the rule it breaks.';
COMMENT ON COLUMN staging.claim_contract.seq IS 'The raw row.';
COMMENT ON COLUMN staging.claim_contract.xid IS 'The transaction that wrote it.';
COMMENT ON COLUMN staging.claim_contract.received_at IS 'When it was received.';
COMMENT ON COLUMN staging.claim_contract.entity_id IS 'The claim''s id.';
COMMENT ON COLUMN staging.claim_contract.patient_id IS 'The patient''s id, known or not.';
COMMENT ON COLUMN staging.claim_contract.code IS 'Code of the procedure, 1 to 16 characters.';
COMMENT ON COLUMN staging.claim_contract.price IS 'Price, from 0, with at most two decimals.';
COMMENT ON COLUMN staging.claim_contract.tsp IS 'When it happened.';
COMMENT ON COLUMN staging.claim_contract.reason IS 'The first rule of the contract that it breaks; NULL where it keeps them all.';
