-- One row per published figure of the window, with the analytics run that computed and checked it.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT
    r.category,
    r.revenue,
    r.claims,
    r.patients,
    r.published_at,
    r.quality_run_id,
    q.verdict,
    q.finished_at
FROM analytics.revenue_by_diagnosis AS r
INNER JOIN analytics.quality_run AS q ON r.quality_run_id = q.quality_run_id
WHERE r.window_start = %(window_start)s
ORDER BY r.category
