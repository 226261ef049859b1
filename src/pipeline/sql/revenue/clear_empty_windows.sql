-- One row per mark of a closed window that has no claim: it has no figures to publish, and what stood there is withdrawn.
WITH empty_window AS (
    SELECT DISTINCT d.window_start
    FROM analytics.dirty_window AS d
    WHERE
        analytics.window_end(d.window_start) <= %(now)s
        AND d.window_start >= analytics.window_start(%(since)s)
        AND d.window_start < %(until)s
        AND NOT EXISTS (
            SELECT FROM claim AS c
            WHERE c.tsp >= d.window_start AND c.tsp < analytics.window_end(d.window_start)
        )
),

withdrawn_row AS (
    DELETE FROM analytics.revenue_by_diagnosis AS r
    USING empty_window AS w
    WHERE r.window_start = w.window_start
)

DELETE FROM analytics.dirty_window AS d
USING empty_window AS w
WHERE d.window_start = w.window_start
