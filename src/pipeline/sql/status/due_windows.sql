-- One row: closed windows that wait to be computed, and the window that is open now.
SELECT
    count(DISTINCT d.window_start) FILTER (
        WHERE d.window_start + interval '10 minutes' <= now()
    ) AS due,
    date_bin('10 minutes', now(), timestamptz 'epoch') AS open_window
FROM analytics.dirty_window AS d
