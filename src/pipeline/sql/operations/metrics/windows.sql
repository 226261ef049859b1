-- One row: how many windows are due, how many of these are held back, since when the others are due, up to when figures are
-- published, when the last analytics run ended, and the time.
SELECT
    count(*) AS due,
    count(h.window_start) AS held_back,
    min(d.due_since) FILTER (WHERE h.window_start IS NULL) AS due_since,
    (
        SELECT analytics.window_end(max(r.window_start))
        FROM analytics.revenue_by_diagnosis AS r
    ) AS published_until,
    (
        SELECT q.finished_at
        FROM analytics.quality_run AS q
        WHERE q.finished_at IS NOT NULL
        ORDER BY q.quality_run_id DESC
        LIMIT 1
    ) AS run_ended_at,
    clock_timestamp() AS now
FROM analytics.due_window(statement_timestamp()) AS d
LEFT JOIN analytics.held_back_window AS h ON d.window_start = h.window_start
