-- One row per mark of a window that can have no figures: the mark is deleted, and so are figures published earlier. The window has
-- no claim, or no category is tracked, or no window starts then.
WITH marked_window AS (
    SELECT DISTINCT
        d.window_start,
        analytics.window_end(d.window_start) AS window_end
    FROM analytics.dirty_window AS d
    WHERE d.window_start >= analytics.window_start(%(since)s) AND d.window_start < %(until)s
),

-- A figure can have been inserted by hand for a window that has not closed yet. Only these windows' claims are read here.
claimed_open_window AS (
    SELECT DISTINCT w.window_start
    FROM marked_window AS w
    INNER JOIN claim AS c
        ON staging.as_tsp(w.window_start, c.tsp) <= c.tsp AND staging.as_tsp(w.window_end, c.tsp) > c.tsp
    WHERE w.window_end > %(now)s
),

empty_window AS (
    SELECT w.window_start
    FROM marked_window AS w
    WHERE
        NOT EXISTS (SELECT b.icd10_code FROM analytics.backfilled_diagnosis AS b)
        OR w.window_start <> analytics.window_start(w.window_start)
        OR (w.window_end > %(now)s AND w.window_start NOT IN (SELECT o.window_start FROM claimed_open_window AS o))
        -- The run computed it, and came upon no claim.
        OR (
            w.window_start = any(%(computed)s::timestamptz[])
            AND w.window_start NOT IN (
                SELECT r.window_start
                FROM analytics.revenue_candidate AS r
                WHERE r.quality_run_id = %(quality_run_id)s
            )
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
