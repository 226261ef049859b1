-- One row per window that is due: marked, closed by now, and between the bounds.
SELECT DISTINCT d.window_start
FROM analytics.dirty_window AS d
WHERE
    analytics.window_end(d.window_start) <= %(now)s
    AND d.window_start >= analytics.window_start(%(since)s)
    AND d.window_start < %(until)s
ORDER BY d.window_start
