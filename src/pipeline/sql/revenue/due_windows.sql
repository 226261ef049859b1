-- One row per window between the bounds that is due.
SELECT d.window_start
FROM analytics.due_window(%(now)s) AS d
WHERE
    d.window_start >= analytics.window_start(%(since)s)
    AND d.window_start < %(until)s
    AND d.window_start = analytics.window_start(d.window_start)
ORDER BY d.window_start
