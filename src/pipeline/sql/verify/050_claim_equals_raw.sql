-- every clean claim says what its raw row says
SELECT
    c.id,
    o.seq
FROM staging.outcome AS o
INNER JOIN claim AS c ON o.entity_id = c.id
INNER JOIN staging.claim_contract AS r ON o.seq = r.seq
WHERE
    o.stream = 'claim'
    AND o.fate = 'merged'
    AND (c.code, c.price, c.patient_id, c.tsp) IS DISTINCT FROM (r.code, r.price, r.patient_id, r.tsp)
