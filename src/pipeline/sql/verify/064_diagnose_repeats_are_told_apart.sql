-- every duplicate diagnose says what the clean row says, and every conflict says something else
SELECT
    o.seq,
    o.entity_id AS id,
    o.fate
FROM staging.outcome AS o
INNER JOIN diagnose AS c ON o.entity_id = c.id
INNER JOIN staging.diagnose_contract AS r ON o.seq = r.seq
WHERE
    o.stream = 'diagnose'
    AND o.fate IN ('duplicate', 'conflict')
    AND (o.fate = 'duplicate') <> ((c.icd10_code, c.patient_id) IS NOT DISTINCT FROM (r.icd10_code, r.patient_id))
