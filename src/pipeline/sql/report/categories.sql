-- One row per tracked diagnosis code.
SELECT
    t.category,
    t.icd10_code
FROM analytics.tracked_diagnosis AS t
ORDER BY t.category, t.icd10_code
