-- One row: the time, when the window closes that is open now, and how many windows are due.
SELECT
    clock_timestamp() AS now,
    analytics.window_end(analytics.window_start(clock_timestamp())) AS closes_at,
    count(*) AS due
FROM analytics.due_window(statement_timestamp())
