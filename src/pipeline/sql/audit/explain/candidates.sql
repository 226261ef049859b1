-- One row per run and category: computed for the window and not published. A run that has ended held it back.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT
    r.quality_run_id,
    q.verdict,
    q.finished_at,
    r.category,
    r.revenue,
    r.claims,
    r.patients,
    r.mark_id
FROM analytics.revenue_candidate AS r
INNER JOIN analytics.quality_run AS q ON r.quality_run_id = q.quality_run_id
WHERE r.window_start = %(window_start)s
ORDER BY r.quality_run_id, r.category
