-- One row per candidate: its window has another length now.
DELETE FROM analytics.revenue_candidate
