-- One row per tracked category, with the patient's first diagnosis of it, if there is one.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
WITH tracked_category AS (
    SELECT
        t.category,
        bool_and(t.is_tracked = t.is_backfilled) AS is_settled
    FROM analytics.counted_diagnosis AS t
    GROUP BY t.category
    HAVING bool_or(t.is_tracked)
)

SELECT
    c.category,
    c.is_settled,
    f.id AS diagnose_id,
    f.icd10_code,
    f.tsp AS diagnosed_at
FROM tracked_category AS c
LEFT JOIN analytics.counting_diagnosis(ARRAY[%(patient_id)s]::bigint[], 'infinity') AS f ON c.category = f.category
ORDER BY c.category
