-- every closed window is published within two analytics cycles of its end or of its mark, unless a check holds it back
SELECT
    d.window_start,
    min(d.marked_at) AS marked_at
FROM analytics.dirty_window AS d
WHERE
    greatest(d.marked_at, analytics.window_end(d.window_start)) < %(overdue_before)s
    AND NOT EXISTS (
        SELECT FROM analytics.revenue_candidate AS c
        INNER JOIN analytics.quality_run AS q ON c.quality_run_id = q.quality_run_id
        WHERE c.window_start = d.window_start AND q.finished_at IS NOT NULL
    )
GROUP BY d.window_start
ORDER BY d.window_start
