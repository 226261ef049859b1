INSERT INTO analytics.revenue_by_diagnosis VALUES ('2026-03-02 09:00:30+00', 'Amnesia', 90.5, 1, 1, 5, '2026-03-02 09:30:00+00');
