-- One row per mark of a window that can have no figures: the mark is deleted, and so are figures published earlier. The window has
-- no claim, or no category is tracked, or no window starts then.
WITH empty_window AS (
    SELECT d.window_start
    -- Also windows that have not closed yet: a figure can have been inserted for them by hand.
    FROM analytics.due_window('infinity') AS d
    WHERE
        d.window_start >= analytics.window_start(%(since)s)
        AND d.window_start < %(until)s
        AND (
            NOT EXISTS (
                SELECT FROM claim AS c
                WHERE c.tsp >= staging.as_tsp(d.window_start, c.tsp) AND c.tsp < staging.as_tsp(d.window_end, c.tsp)
            )
            OR NOT EXISTS (SELECT FROM analytics.backfilled_diagnosis)
            OR d.window_start <> analytics.window_start(d.window_start)
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
