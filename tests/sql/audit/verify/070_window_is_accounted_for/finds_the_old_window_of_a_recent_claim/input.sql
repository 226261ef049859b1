DELETE FROM analytics.revenue_by_diagnosis WHERE window_start = '2026-03-02 09:10:00+00';
