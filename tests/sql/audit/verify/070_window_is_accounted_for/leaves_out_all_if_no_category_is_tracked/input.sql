DELETE FROM analytics.revenue_by_diagnosis;
DELETE FROM analytics.backfilled_diagnosis;
