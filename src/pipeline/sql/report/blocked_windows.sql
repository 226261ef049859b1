-- One row per window that is held back at present.
SELECT h.window_start
FROM analytics.held_back_window AS h
ORDER BY h.window_start
