-- One row per window with a claim: it is marked.
INSERT INTO analytics.dirty_window (window_start)
SELECT analytics.window_start(c.tsp) AS window_start
FROM claim AS c
GROUP BY window_start
ORDER BY window_start
