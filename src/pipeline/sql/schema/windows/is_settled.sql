-- One row: whether a window is published, so that the length of windows can't change any more.
SELECT EXISTS (SELECT FROM analytics.revenue_by_diagnosis) AS is_settled
