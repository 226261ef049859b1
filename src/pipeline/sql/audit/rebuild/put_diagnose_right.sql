-- One row per diagnose that was missing; those that were surplus are deleted, and those that were changed say again what they said.
WITH removed_row AS (
    DELETE FROM diagnose AS c
    USING rebuilt_difference AS d
    WHERE d.relation = 'diagnose' AND d.kind = 'surplus' AND c.id = d.id
),

mended_row AS (
    UPDATE diagnose AS c
    SET
        icd10_code = r.icd10_code,
        patient_id = r.patient_id,
        tsp = r.tsp
    FROM rebuilt_difference AS d
    INNER JOIN rebuilt_diagnose AS r ON d.id = r.id
    WHERE d.relation = 'diagnose' AND d.kind = 'changed' AND c.id = d.id
)

INSERT INTO diagnose (id, icd10_code, patient_id, tsp)
SELECT
    r.id,
    r.icd10_code,
    r.patient_id,
    r.tsp
FROM rebuilt_difference AS d
INNER JOIN rebuilt_diagnose AS r ON d.id = r.id
WHERE d.relation = 'diagnose' AND d.kind = 'missing'
ORDER BY r.id
