-- One row per day with published figures, and category. The days are named by the moments at which they begin; the first is day 1.
WITH figure AS (
    SELECT
        r.*,
        width_bucket(r.window_start, %(starts)s::timestamptz[]) AS day_number
    FROM analytics.revenue_by_diagnosis AS r
)

SELECT
    f.day_number,
    f.category,
    sum(f.revenue) AS revenue,
    sum(f.claims)::bigint AS claims,
    count(*) AS windows,
    analytics.window_end(max(f.window_start)) AS last_window_end,
    max(f.published_at) AS published_at,
    min(f.quality_run_id) AS first_run,
    max(f.quality_run_id) AS last_run
FROM figure AS f
GROUP BY f.day_number, f.category
ORDER BY f.day_number, f.category
