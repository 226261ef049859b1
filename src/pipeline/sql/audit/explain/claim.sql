-- At most one row: the clean claim of the id.
SELECT
    c.id,
    c.code,
    c.price,
    c.patient_id,
    c.tsp
FROM claim AS c
WHERE c.id = %(id)s
