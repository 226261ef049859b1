-- every published figure comes from an analytics run that has ended, and that took its window for closed
-- mended by: rebuild --apply, analytics
WITH checked_figure AS (
    SELECT
        r.window_start,
        r.category,
        r.quality_run_id
    FROM analytics.revenue_by_diagnosis AS r
    WHERE r.window_start >= %(first_window)s OR r.published_at >= %(published_since)s
)

SELECT
    f.window_start,
    f.category,
    f.quality_run_id
FROM checked_figure AS f
LEFT JOIN analytics.quality_run AS q ON f.quality_run_id = q.quality_run_id
WHERE q.finished_at IS NULL OR q.closed_before < analytics.window_end(f.window_start)
ORDER BY f.window_start, f.category
