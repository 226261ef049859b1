-- One row per mark of a due window without a claim: the mark is deleted, and so are figures published earlier.
WITH empty_window AS (
    SELECT d.window_start
    FROM analytics.due_window(%(now)s) AS d
    WHERE
        d.window_start >= analytics.window_start(%(since)s)
        AND d.window_start < %(until)s
        AND NOT EXISTS (
            SELECT FROM claim AS c
            WHERE c.tsp >= d.window_start AND c.tsp < d.window_end
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
