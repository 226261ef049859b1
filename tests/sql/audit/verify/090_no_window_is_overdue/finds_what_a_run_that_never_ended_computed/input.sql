INSERT INTO analytics.dirty_window (window_start, marked_at) VALUES
('2026-03-02 08:00:00+00', '2026-03-02 08:30:00+00');
UPDATE analytics.quality_run SET verdict = 'running', finished_at = NULL;
INSERT INTO analytics.revenue_candidate VALUES (5, '2026-03-02 08:00:00+00', 'Amnesia', 0, 0, 0, 1);
