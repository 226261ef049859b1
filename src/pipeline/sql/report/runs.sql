-- One row per analytics run, the newest first.
SELECT
    q.quality_run_id,
    q.finished_at,
    q.verdict,
    q.windows_published,
    q.windows_blocked
FROM analytics.quality_run AS q
WHERE q.finished_at IS NOT NULL
ORDER BY q.quality_run_id DESC
LIMIT 20
