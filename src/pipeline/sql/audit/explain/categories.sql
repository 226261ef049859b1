-- One row per tracked category: the patient's first diagnosis of it, where there is one.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
WITH first_of_code AS (
    SELECT
        t.category,
        t.backfilled_at,
        first.id,
        first.icd10_code,
        first.tsp
    FROM analytics.tracked_diagnosis AS t
    LEFT JOIN LATERAL (
        SELECT
            d.id,
            d.icd10_code,
            d.tsp
        FROM diagnose AS d
        WHERE d.icd10_code = t.icd10_code AND d.patient_id = %(patient_id)s
        ORDER BY d.tsp, d.id
        LIMIT 1
    ) AS first ON TRUE
),

ranked AS (
    SELECT
        f.*,
        bool_and(f.backfilled_at IS NOT NULL) OVER (PARTITION BY f.category) AS is_settled,
        row_number() OVER (PARTITION BY f.category ORDER BY f.tsp, f.id) AS place
    FROM first_of_code AS f
)

SELECT
    r.category,
    r.is_settled,
    r.id AS diagnose_id,
    r.icd10_code,
    r.tsp AS diagnosed_at
FROM ranked AS r
WHERE r.place = 1
ORDER BY r.category
