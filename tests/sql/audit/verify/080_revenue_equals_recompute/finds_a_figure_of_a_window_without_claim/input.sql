INSERT INTO analytics.revenue_by_diagnosis VALUES ('2026-03-02 08:00:00+00', 'Amnesia', 0, 0, 0, 5, '2026-03-02 09:30:00+00');
