UPDATE analytics.quality_run SET closed_before = '2026-03-02 09:19:59+00';
