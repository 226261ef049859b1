-- At most one row: the last analytics run that ended.
SELECT
    q.quality_run_id,
    q.verdict,
    q.windows_published,
    q.windows_blocked,
    q.finished_at
FROM analytics.quality_run AS q
WHERE q.finished_at IS NOT NULL
ORDER BY q.quality_run_id DESC
LIMIT 1
