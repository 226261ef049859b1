-- One row per diagnosis code that was added, moved to another category or removed since the last analytics run. From now on
-- figures are computed with what is tracked now.
WITH removed_code AS (
    DELETE FROM analytics.backfilled_diagnosis AS b
    WHERE
        NOT EXISTS (
            SELECT FROM analytics.tracked_diagnosis AS t
            WHERE t.icd10_code = b.icd10_code
        )
    RETURNING b.icd10_code
),

new_code AS (
    INSERT INTO analytics.backfilled_diagnosis (icd10_code, category)
    SELECT
        c.icd10_code,
        c.category
    FROM analytics.counted_diagnosis AS c
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
