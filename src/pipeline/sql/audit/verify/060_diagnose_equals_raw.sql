-- every clean diagnose says what its raw row says
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
WITH checked_row AS (
    SELECT
        o.seq,
        o.entity_id,
        o.fate,
        o.received_at
    FROM staging.outcome AS o
    WHERE o.run_id >= %(first_run_id)s AND o.stream = 'diagnose' AND o.fate = 'merged'
)

SELECT
    c.id,
    o.seq
FROM checked_row AS o
INNER JOIN diagnose AS c ON o.entity_id = c.id
-- A raw row at a time, by its number: its payload is parsed once, and none that isn't checked.
CROSS JOIN LATERAL (
    SELECT
        raw.icd10_code,
        raw.patient_id,
        raw.tsp
    FROM staging.diagnose_contract AS raw
    WHERE raw.seq = o.seq AND (raw.received_at = o.received_at OR (raw.received_at IS NULL AND o.received_at = '-infinity'))
    LIMIT 1
) AS r
WHERE (c.icd10_code, c.patient_id, c.tsp) IS DISTINCT FROM (r.icd10_code, r.patient_id, r.tsp)
