-- One row per candidate: it is deleted, because windows have another length now.
DELETE FROM analytics.revenue_candidate
