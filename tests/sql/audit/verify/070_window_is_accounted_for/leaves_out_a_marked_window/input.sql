DELETE FROM analytics.revenue_by_diagnosis WHERE window_start = '2026-03-02 09:10:00+00';
INSERT INTO analytics.dirty_window (window_start) VALUES ('2026-03-02 09:10:00+00');
