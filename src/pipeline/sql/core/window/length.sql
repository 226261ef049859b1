-- One row: the length of a window.
SELECT analytics.window_length() AS length
