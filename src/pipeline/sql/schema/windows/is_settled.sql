-- One row: whether a window is published, so that the length of windows can't change any more.
SELECT max(r.window_start) IS NOT NULL AS is_settled
FROM analytics.revenue_by_diagnosis AS r
