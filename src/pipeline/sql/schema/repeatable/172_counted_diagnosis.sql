-- analytics.counted_diagnosis: one row per diagnosis code and category that counts now, or that the figures were computed with.
-- Where it is only one of both, somebody has changed analytics.tracked_diagnosis, and the next analytics run has to include that.
CREATE VIEW analytics.counted_diagnosis AS
SELECT
    coalesce(t.icd10_code, b.icd10_code) AS icd10_code,
    coalesce(t.category, b.category) AS category,
    t.icd10_code IS NOT NULL AS is_tracked,
    b.icd10_code IS NOT NULL AS is_backfilled
FROM analytics.tracked_diagnosis AS t
FULL JOIN analytics.backfilled_diagnosis AS b ON t.icd10_code = b.icd10_code AND t.category = b.category;

COMMENT ON VIEW analytics.counted_diagnosis IS
'One row per diagnosis code and category that is tracked, or that the figures were computed with. The next analytics run makes both the same.';
COMMENT ON COLUMN analytics.counted_diagnosis.icd10_code IS 'The ICD-10 code.';
COMMENT ON COLUMN analytics.counted_diagnosis.category IS 'The category it counts for.';
COMMENT ON COLUMN analytics.counted_diagnosis.is_tracked IS 'Whether it is in analytics.tracked_diagnosis.';
COMMENT ON COLUMN analytics.counted_diagnosis.is_backfilled IS 'Whether the figures were computed with it.';
