UPDATE analytics.revenue_by_diagnosis SET claims = 2 WHERE category = 'Asthma' AND window_start = '2026-03-02 09:00:00+00';
UPDATE analytics.revenue_by_diagnosis SET patients = 3 WHERE category = 'Asthma' AND window_start = '2026-03-02 09:10:00+00';
