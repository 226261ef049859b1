-- One row per candidate figure of the windows.
SELECT
    r.window_start,
    r.category,
    r.revenue,
    r.claims,
    r.patients
FROM analytics.revenue_candidate AS r
WHERE r.quality_run_id = %(quality_run_id)s AND r.window_start = ANY(%(windows)s::timestamptz[])
