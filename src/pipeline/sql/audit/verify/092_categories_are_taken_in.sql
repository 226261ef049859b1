-- every change of the tracked diagnoses is taken in by an analytics run within two analytics cycles
-- mended by: analytics
-- A change leaves no time behind: it is overdue where no run has begun within two cycles.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
WITH last_run AS (
    SELECT max(q.started_at) AS started_at
    FROM analytics.quality_run AS q
)

SELECT
    c.icd10_code,
    c.category,
    c.is_tracked
FROM analytics.counted_diagnosis AS c
CROSS JOIN last_run AS l
WHERE c.is_tracked <> c.is_backfilled AND l.started_at < %(overdue_before)s
ORDER BY c.icd10_code, c.category
