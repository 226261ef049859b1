-- One row per published window and category of a period.
SELECT
    r.window_start,
    r.category,
    r.revenue,
    r.claims,
    r.patients,
    r.quality_run_id,
    r.published_at
FROM analytics.revenue_by_diagnosis AS r
WHERE r.window_start >= %(since)s AND r.window_start < %(until)s
ORDER BY r.window_start, r.category
