-- One row per category that the code counts for.
SELECT t.category
FROM analytics.tracked_diagnosis AS t
WHERE t.icd10_code = %(icd10_code)s
ORDER BY t.category
