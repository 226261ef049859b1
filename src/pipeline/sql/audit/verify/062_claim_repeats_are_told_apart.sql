-- every duplicate claim says what the clean row says, and every conflict says something else
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
WITH checked_row AS (
    SELECT
        o.seq,
        o.entity_id,
        o.fate,
        o.received_at
    FROM staging.outcome AS o
    WHERE o.run_id >= %(first_run_id)s AND o.stream = 'claim' AND o.fate IN ('duplicate', 'conflict')
)

SELECT
    c.id,
    o.seq,
    o.fate
FROM checked_row AS o
INNER JOIN claim AS c ON o.entity_id = c.id
-- A raw row at a time, by its number: its payload is parsed once, and none that isn't checked.
CROSS JOIN LATERAL (
    SELECT
        raw.code,
        raw.price,
        raw.patient_id
    FROM staging.claim_contract AS raw
    WHERE raw.seq = o.seq AND (raw.received_at = o.received_at OR (raw.received_at IS NULL AND o.received_at = '-infinity'))
    LIMIT 1
) AS r
WHERE (o.fate = 'duplicate') <> ((c.code, c.price, c.patient_id) IS NOT DISTINCT FROM (r.code, r.price, r.patient_id))
