-- One row: how many closed windows wait to be published, how many of these a check holds back, since when the others wait,
-- up to when figures are published, when the last analytics run ended, and the time.
WITH marked_window AS (
    SELECT
        d.window_start,
        greatest(min(d.marked_at), analytics.window_end(d.window_start)) AS due_since
    FROM analytics.dirty_window AS d
    WHERE analytics.window_end(d.window_start) <= clock_timestamp()
    GROUP BY d.window_start
),

held_back_window AS (
    SELECT DISTINCT c.window_start
    FROM analytics.revenue_candidate AS c
    INNER JOIN analytics.quality_run AS q ON c.quality_run_id = q.quality_run_id
    WHERE q.finished_at IS NOT NULL
)

SELECT
    count(*) AS due,
    count(h.window_start) AS held_back,
    min(m.due_since) FILTER (WHERE h.window_start IS NULL) AS due_since,
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
FROM marked_window AS m
LEFT JOIN held_back_window AS h ON m.window_start = h.window_start
