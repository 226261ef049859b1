-- One row per release of the window, the newest first; stands says whether its figures are still the published ones.
SELECT
    w.release_id,
    w.quality_run_id,
    w.reason,
    w.failed_checks,
    w.released_by,
    w.released_at,
    w.quality_run_id IN (
        SELECT r.quality_run_id
        FROM analytics.revenue_by_diagnosis AS r
        WHERE r.window_start = w.window_start
    ) AS stands
FROM analytics.window_release AS w
WHERE w.window_start = %(window_start)s
ORDER BY w.release_id DESC
