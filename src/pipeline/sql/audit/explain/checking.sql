-- One row per analytics run that has computed the window and has not ended.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT DISTINCT r.quality_run_id
FROM analytics.revenue_candidate AS r
INNER JOIN analytics.quality_run AS q ON r.quality_run_id = q.quality_run_id
WHERE r.window_start = %(window_start)s AND q.finished_at IS NULL
ORDER BY r.quality_run_id
