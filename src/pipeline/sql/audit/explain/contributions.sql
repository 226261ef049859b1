-- One row per claim of the window and category that it counts for; a claim that counts for none has one row without category.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
WITH claim_in_window AS (
    SELECT
        c.id,
        c.price,
        c.patient_id
    FROM claim AS c
    WHERE c.tsp >= %(window_start)s AND c.tsp < analytics.window_end(%(window_start)s)
),

patient_in_window AS (
    SELECT DISTINCT c.patient_id
    FROM claim_in_window AS c
),

first_of_code AS (
    SELECT
        p.patient_id,
        t.category,
        first.id,
        first.icd10_code,
        first.tsp
    FROM patient_in_window AS p
    CROSS JOIN analytics.tracked_diagnosis AS t
    CROSS JOIN LATERAL (
        SELECT
            d.id,
            d.icd10_code,
            d.tsp
        FROM diagnose AS d
        WHERE
            d.icd10_code = t.icd10_code
            AND d.patient_id = p.patient_id
            AND d.tsp < analytics.window_end(%(window_start)s)
        ORDER BY d.tsp, d.id
        LIMIT 1
    ) AS first
),

first_of_category AS (
    SELECT DISTINCT ON (f.patient_id, f.category) f.*
    FROM first_of_code AS f
    ORDER BY f.patient_id ASC, f.category ASC, f.tsp ASC, f.id ASC
)

SELECT
    f.category,
    c.id,
    c.price,
    c.patient_id,
    f.id AS diagnose_id,
    f.icd10_code,
    f.tsp AS diagnosed_at
FROM claim_in_window AS c
LEFT JOIN first_of_category AS f ON c.patient_id = f.patient_id
ORDER BY f.category, c.id
