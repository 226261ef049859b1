INSERT INTO analytics.quality_run (merged_from, merged_through, closed_before, started_at, finished_at)
SELECT 0, 0, '2026-03-02 10:00:00+00', '2026-03-02 10:00:00+00', '2026-03-02 10:00:05+00'
FROM generate_series(1, 23);
