-- One row per claim that was missing; those that were surplus are deleted, and those that were changed say again what they said.
WITH removed_row AS (
    DELETE FROM claim AS c
    USING rebuilt_difference AS d
    WHERE d.relation = 'claim' AND d.kind = 'surplus' AND c.id = d.id
),

mended_row AS (
    UPDATE claim AS c
    SET
        code = r.code,
        price = r.price,
        patient_id = r.patient_id,
        tsp = r.tsp
    FROM rebuilt_difference AS d
    INNER JOIN rebuilt_claim AS r ON d.id = r.id
    WHERE d.relation = 'claim' AND d.kind = 'changed' AND c.id = d.id
)

INSERT INTO claim (id, code, price, patient_id, tsp)
SELECT
    r.id,
    r.code,
    r.price,
    r.patient_id,
    r.tsp
FROM rebuilt_difference AS d
INNER JOIN rebuilt_claim AS r ON d.id = r.id
WHERE d.relation = 'claim' AND d.kind = 'missing'
ORDER BY r.id
