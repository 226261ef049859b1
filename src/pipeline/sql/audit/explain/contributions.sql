-- One row per claim of the window and category that it counts for; a claim that counts for none has one row without category.
WITH claim_in_window AS MATERIALIZED (
    SELECT
        c.id,
        c.price,
        c.patient_id
    FROM claim AS c
    WHERE
        c.tsp >= staging.as_tsp(%(window_start)s, c.tsp)
        AND c.tsp < staging.as_tsp(analytics.window_end(%(window_start)s), c.tsp)
),

counting_diagnosis AS MATERIALIZED (
    SELECT d.*
    FROM
        analytics.counting_diagnosis(
            array(SELECT DISTINCT c.patient_id FROM claim_in_window AS c), analytics.window_end(%(window_start)s)
        ) AS d
)

SELECT
    d.category,
    c.id,
    c.price,
    c.patient_id,
    d.id AS diagnose_id,
    d.icd10_code,
    d.tsp AS diagnosed_at
FROM claim_in_window AS c
LEFT JOIN counting_diagnosis AS d ON c.patient_id = d.patient_id
ORDER BY d.category, c.id
