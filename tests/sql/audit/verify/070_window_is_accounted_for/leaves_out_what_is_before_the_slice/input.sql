DELETE FROM analytics.revenue_by_diagnosis;
