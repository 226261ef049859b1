-- At most one row: the clean diagnosis of the id.
SELECT
    d.id,
    d.icd10_code,
    d.patient_id,
    d.tsp
FROM diagnose AS d
WHERE d.id = %(id)s
