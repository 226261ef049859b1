-- analytics.revenue_candidate, analytics.revenue_by_diagnosis: room for the sum of any number of the dearest claims.
ALTER TABLE analytics.revenue_candidate ALTER COLUMN revenue TYPE numeric(30, 2);
ALTER TABLE analytics.revenue_by_diagnosis ALTER COLUMN revenue TYPE numeric(30, 2);
