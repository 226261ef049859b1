-- every clean diagnose says what its raw row says
SELECT
    c.id,
    o.seq
FROM staging.outcome AS o
INNER JOIN diagnose AS c ON o.entity_id = c.id
INNER JOIN staging.diagnose_contract AS r ON o.seq = r.seq
WHERE
    o.stream = 'diagnose'
    AND o.fate = 'merged'
    AND (c.icd10_code, c.patient_id, c.tsp) IS DISTINCT FROM (r.icd10_code, r.patient_id, r.tsp)
