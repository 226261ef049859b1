-- One row: the time, the window that is open now, and how many closed windows wait to be computed.
SELECT
    clock_timestamp() AS now,
    date_bin('10 minutes', clock_timestamp(), timestamptz 'epoch') AS open_window,
    count(DISTINCT d.window_start) FILTER (
        WHERE d.window_start + interval '10 minutes' <= clock_timestamp()
    ) AS due
FROM analytics.dirty_window AS d
