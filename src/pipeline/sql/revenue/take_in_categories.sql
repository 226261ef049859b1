-- One row per diagnosis code that was added, moved to another category or removed since the last analytics run. From now on
-- figures are computed with what is tracked now.
-- MATERIALIZED, because a cluster asks for the right to change what is read in the same breath as something is changed.
WITH counted_code AS MATERIALIZED (
    SELECT
        c.icd10_code,
        c.category,
        c.is_tracked,
        c.is_backfilled
    FROM analytics.counted_diagnosis AS c
),

tracked_code AS MATERIALIZED (
    SELECT t.icd10_code
    FROM analytics.tracked_diagnosis AS t
),

removed_code AS (
    DELETE FROM analytics.backfilled_diagnosis AS b
    WHERE b.icd10_code <> all(array(SELECT t.icd10_code FROM tracked_code AS t))
    RETURNING b.icd10_code
),

new_code AS (
    INSERT INTO analytics.backfilled_diagnosis (icd10_code, category)
    SELECT
        c.icd10_code,
        c.category
    FROM counted_code AS c
    WHERE c.is_tracked AND NOT c.is_backfilled
    ON CONFLICT (icd10_code) DO UPDATE SET category = excluded.category
    RETURNING icd10_code
)

SELECT r.icd10_code
FROM removed_code AS r
UNION ALL
SELECT n.icd10_code
FROM new_code AS n
ORDER BY icd10_code
