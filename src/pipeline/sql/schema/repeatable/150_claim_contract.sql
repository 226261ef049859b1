-- staging.parse_claim: one row per call: the fields of a claim, typed; reason says which rule of the contract it breaks first.
-- A rule that is added later carries the version that it applies from: `WHEN contract >= 3 AND ... THEN 'bad_code'`.
-- The planner inlines this function. OFFSET 0 keeps it from evaluating a step once for every use.
CREATE OR REPLACE FUNCTION staging.parse_claim(payload text, received_at timestamptz, contract integer, ids text)
RETURNS TABLE (entity_id bigint, code text, price numeric, patient_id bigint, tsp timestamptz, reason text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
WITH token AS (
    SELECT
        f.entity_id,
        f.patient_id,
        f.tsp,
        f.fault,
        CASE WHEN jsonb_typeof(f.document -> 'code') = 'string' THEN f.document ->> 'code' END AS code,
        -- Not by way of its text, which is long for a short payload: 1e131071.
        CASE WHEN jsonb_typeof(f.document -> 'price') = 'number' THEN (f.document -> 'price')::numeric END AS price
    FROM staging.parse_event(payload, received_at, contract, ids) AS f
    OFFSET 0
),

typed AS (
    SELECT
        t.entity_id,
        t.patient_id,
        t.tsp,
        t.fault,
        CASE
            -- The usual form, with nothing to trim: ASCII without a space. Another white space would be an escape in JSON.
            WHEN
                octet_length(t.code) BETWEEN 1 AND 16 AND octet_length(t.code) = length(t.code)
                AND strpos(t.code, ' ') = 0 AND strpos(payload, '\') = 0
                THEN t.code
            WHEN contract >= 2
                THEN CASE WHEN length(staging.trim_space(t.code)) BETWEEN 1 AND 16 THEN staging.trim_space(t.code) END
            WHEN length(t.code) BETWEEN 1 AND 16 THEN t.code
        END AS code,
        CASE
            WHEN t.price >= 0 AND t.price < 10000000000 AND (scale(t.price) <= 2 OR scale(trim_scale(t.price)) <= 2) THEN t.price
        END AS price
    FROM token AS t
    OFFSET 0
)

SELECT
    f.entity_id,
    f.code,
    f.price,
    f.patient_id,
    f.tsp,
    CASE
        WHEN f.fault IS NOT NULL THEN f.fault
        WHEN f.entity_id IS NULL THEN 'bad_id'
        WHEN f.patient_id IS NULL THEN 'bad_patient_id'
        WHEN f.code IS NULL THEN 'bad_code'
        WHEN f.price IS NULL THEN 'bad_price'
        WHEN f.tsp IS NULL THEN 'bad_tsp'
    END
FROM typed AS f
$$;

COMMENT ON FUNCTION staging.parse_claim(text, timestamptz, integer, text) IS
'One row: the fields of a claim, typed, and the first rule that it breaks in this version of the contract; NULL if it breaks none.';
