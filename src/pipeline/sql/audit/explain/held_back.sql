-- One row per category: the figures of the newest run that holds the window back; no row if nothing holds it back.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT
    h.quality_run_id,
    q.finished_at,
    r.mark_id,
    r.category,
    r.revenue,
    r.claims,
    r.patients
FROM analytics.held_back_window AS h
INNER JOIN analytics.quality_run AS q ON h.quality_run_id = q.quality_run_id
INNER JOIN analytics.revenue_candidate AS r ON h.quality_run_id = r.quality_run_id AND h.window_start = r.window_start
WHERE h.window_start = %(window_start)s
ORDER BY r.category
