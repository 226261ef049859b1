-- One row per index of a clean table that is not there, with the statement that makes it.
SELECT format('CREATE INDEX %s ON %s', n.index_name, n.columns) AS statement
FROM (
    VALUES
    ('claim_tsp', 'claim (tsp)'),
    ('claim_patient_tsp', 'claim (patient_id, tsp)'),
    ('diagnose_code_patient_tsp', 'diagnose (icd10_code, patient_id, tsp)'),
    ('diagnose_tsp', 'diagnose (tsp)')
) AS n (index_name, columns)
WHERE to_regclass(n.index_name) IS NULL
ORDER BY n.columns
