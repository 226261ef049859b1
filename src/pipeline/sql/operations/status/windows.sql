-- One row: the time, when the window closes that is open now, and how many closed windows wait to be computed.
SELECT
    clock_timestamp() AS now,
    analytics.window_end(analytics.window_start(clock_timestamp())) AS closes_at,
    count(DISTINCT d.window_start) FILTER (
        WHERE analytics.window_end(d.window_start) <= clock_timestamp()
    ) AS due
FROM analytics.dirty_window AS d
