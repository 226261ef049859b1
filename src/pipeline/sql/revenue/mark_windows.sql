-- One row per window between the bounds that has a claim or a published figure: it is marked.
INSERT INTO analytics.dirty_window (window_start)
SELECT w.window_start
FROM analytics.claimed_window(%(since)s, %(until)s) AS w
UNION
SELECT r.window_start
FROM analytics.revenue_by_diagnosis AS r
WHERE
    r.window_start >= analytics.window_start(%(since)s)
    AND r.window_start < %(until)s
ORDER BY window_start
