-- One row per release whose figures are still the published ones, the newest window first.
SELECT
    w.window_start,
    w.quality_run_id,
    w.reason,
    w.failed_checks,
    w.released_by,
    w.released_at
FROM analytics.window_release AS w
WHERE
    (
        SELECT count(*) > 0
        FROM analytics.revenue_by_diagnosis AS r
        WHERE r.window_start = w.window_start AND r.quality_run_id = w.quality_run_id
    )
ORDER BY w.window_start DESC
