-- One row per window of the list: it is marked.
INSERT INTO analytics.dirty_window (window_start)
SELECT w.window_start
FROM unnest(%(windows)s::timestamptz[]) AS w (window_start)
ORDER BY w.window_start
