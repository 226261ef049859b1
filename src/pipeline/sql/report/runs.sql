-- One row per analytics run that ended, the newest first.
SELECT
    q.quality_run_id,
    q.verdict,
    q.windows_published,
    q.windows_blocked,
    q.merged_from,
    q.merged_through,
    q.started_at,
    q.finished_at
FROM analytics.quality_run AS q
WHERE q.finished_at IS NOT NULL
ORDER BY q.quality_run_id DESC
LIMIT %(most)s
