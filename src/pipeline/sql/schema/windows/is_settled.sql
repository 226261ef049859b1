-- One row: whether a window is published or was released by hand, so that the length of windows can't change any more.
SELECT
    EXISTS (SELECT FROM analytics.revenue_by_diagnosis)
    OR EXISTS (SELECT FROM analytics.window_release) AS is_settled
