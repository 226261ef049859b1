-- One row per day (UTC) with published figures, and category.
SELECT
    date_trunc('day', r.window_start, 'UTC') AS day_start,
    r.category,
    sum(r.revenue) AS revenue,
    sum(r.claims)::bigint AS claims,
    count(*) AS windows,
    analytics.window_end(max(r.window_start)) AS last_window_end,
    max(r.published_at) AS published_at,
    min(r.quality_run_id) AS first_run,
    max(r.quality_run_id) AS last_run
FROM analytics.revenue_by_diagnosis AS r
GROUP BY date_trunc('day', r.window_start, 'UTC'), r.category
ORDER BY date_trunc('day', r.window_start, 'UTC'), r.category
