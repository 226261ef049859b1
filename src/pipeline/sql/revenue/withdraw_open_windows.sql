-- One row per published figure of a marked window that has not closed: it is deleted, because no run can have computed it.
DELETE FROM analytics.revenue_by_diagnosis AS r
WHERE
    r.window_start > %(now)s - analytics.window_length()
    AND EXISTS (
        SELECT FROM analytics.dirty_window AS d
        WHERE d.window_start = r.window_start
    )
    -- If the clock was put back, the window had closed when its run computed it.
    AND NOT EXISTS (
        SELECT FROM analytics.quality_run AS q
        WHERE q.quality_run_id = r.quality_run_id AND q.closed_before >= analytics.window_end(r.window_start)
    )
