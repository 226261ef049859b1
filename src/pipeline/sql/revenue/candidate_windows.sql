-- One row per window that the run computed.
SELECT DISTINCT r.window_start
FROM analytics.revenue_candidate AS r
WHERE r.quality_run_id = %(quality_run_id)s
ORDER BY r.window_start
