-- staging.parse_claim: one row per call: the fields of a claim, typed; reason says which rule of the contract it breaks first.
-- A rule that is added later carries the version that it applies from: `WHEN contract >= 3 AND ... THEN 'bad_code'`.
-- The planner inlines this function. OFFSET 0 keeps it from evaluating a step once for every use.
CREATE OR REPLACE FUNCTION staging.parse_claim(payload text, received_at timestamptz, contract integer, ids text)
RETURNS TABLE (entity_id bigint, code text, price numeric, patient_id bigint, tsp timestamptz, reason text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT
    f.entity_id,
    typed.code,
    typed.price,
    f.patient_id,
    f.tsp,
    CASE
        WHEN f.fault IS NOT NULL THEN f.fault
        WHEN f.entity_id IS NULL THEN 'bad_id'
        WHEN f.patient_id IS NULL THEN 'bad_patient_id'
        WHEN typed.code IS NULL THEN 'bad_code'
        WHEN typed.price IS NULL THEN 'bad_price'
        WHEN f.tsp IS NULL THEN 'bad_tsp'
    END
FROM staging.parse_event(payload, received_at, contract, ids) AS f
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN jsonb_typeof(f.document -> 'code') = 'string' THEN f.document ->> 'code' END AS code,
        -- Not by way of its text, which is long for a short payload: 1e131071.
        CASE WHEN jsonb_typeof(f.document -> 'price') = 'number' THEN (f.document -> 'price')::numeric END AS price
    OFFSET 0
) AS token
CROSS JOIN LATERAL (
    SELECT
        CASE
            -- The usual form, with nothing to trim: ASCII without a space. Another white space would be an escape in JSON.
            WHEN
                octet_length(token.code) BETWEEN 1 AND 16 AND octet_length(token.code) = length(token.code)
                AND strpos(token.code, ' ') = 0 AND strpos(payload, '\') = 0
                THEN token.code
            WHEN contract >= 2
                THEN CASE WHEN length(staging.trim_space(token.code)) BETWEEN 1 AND 16 THEN staging.trim_space(token.code) END
            WHEN length(token.code) BETWEEN 1 AND 16 THEN token.code
        END AS code,
        CASE
            WHEN token.price >= 0 AND token.price < 10000000000
                AND (scale(token.price) <= 2 OR scale(trim_scale(token.price)) <= 2) THEN token.price
        END AS price
    OFFSET 0
) AS typed
$$;

COMMENT ON FUNCTION staging.parse_claim(text, timestamptz, integer, text) IS
'One row: the fields of a claim, typed, and the first rule that it breaks in this version of the contract; NULL if it breaks none.';
