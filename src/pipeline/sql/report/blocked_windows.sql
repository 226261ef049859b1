-- One row per window that a critical check holds back at present.
SELECT DISTINCT r.window_start
FROM analytics.revenue_candidate AS r
INNER JOIN analytics.quality_run AS q ON r.quality_run_id = q.quality_run_id
-- Where the mark is gone that the candidate takes in, another run has published the same.
INNER JOIN analytics.dirty_window AS d ON r.mark_id = d.mark_id
WHERE q.finished_at IS NOT NULL
ORDER BY r.window_start
