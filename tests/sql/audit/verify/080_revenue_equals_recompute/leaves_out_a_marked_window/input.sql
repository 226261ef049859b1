UPDATE analytics.revenue_by_diagnosis SET revenue = 90.51 WHERE category = 'Amnesia' AND revenue > 0;
INSERT INTO analytics.dirty_window (window_start) VALUES ('2026-03-02 09:00:00+00');
