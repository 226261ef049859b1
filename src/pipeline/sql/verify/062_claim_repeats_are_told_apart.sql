-- every duplicate claim says what the clean row says, and every conflict says something else
SELECT
    o.seq,
    o.entity_id AS id,
    o.fate
FROM staging.outcome AS o
INNER JOIN claim AS c ON o.entity_id = c.id
INNER JOIN staging.claim_contract AS r ON o.seq = r.seq
WHERE
    o.stream = 'claim'
    AND o.fate IN ('duplicate', 'conflict')
    AND (o.fate = 'duplicate') <> ((c.code, c.price, c.patient_id) IS NOT DISTINCT FROM (r.code, r.price, r.patient_id))
