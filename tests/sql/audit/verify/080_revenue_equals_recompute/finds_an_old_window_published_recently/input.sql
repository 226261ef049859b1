UPDATE analytics.revenue_by_diagnosis SET revenue = 90.51, published_at = '2026-03-02 10:00:00+00' WHERE revenue > 0;
