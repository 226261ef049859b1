-- One row per published window and category of the last day that has any.
SELECT
    r.window_start,
    r.category,
    r.revenue,
    r.claims,
    r.patients,
    r.quality_run_id,
    r.published_at
FROM analytics.revenue_by_diagnosis AS r
WHERE r.window_start > (SELECT max(newest.window_start) FROM analytics.revenue_by_diagnosis AS newest) - interval '24 hours'
ORDER BY r.window_start DESC, r.category ASC
