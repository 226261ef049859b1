UPDATE analytics.quality_run SET verdict = 'running', finished_at = NULL;
UPDATE analytics.revenue_by_diagnosis SET published_at = '2026-03-02 10:00:00+00' WHERE revenue > 0;
