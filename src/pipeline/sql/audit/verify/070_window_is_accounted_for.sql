-- every closed window with a claim is published, or marked to be computed
-- mended by: rebuild --apply, analytics
WITH merged_row AS (
    SELECT o.entity_id
    FROM staging.outcome AS o
    WHERE o.run_id >= %(first_run_id)s AND o.stream = 'claim' AND o.fate = 'merged'
),

recent_claim AS (
    SELECT c.tsp
    FROM claim AS c
    WHERE c.tsp >= staging.as_tsp(%(first_window)s, c.tsp)
    UNION ALL
    SELECT c.tsp
    FROM merged_row AS o
    INNER JOIN claim AS c ON o.entity_id = c.id
),

checked_window AS (
    SELECT DISTINCT analytics.window_start(c.tsp) AS window_start
    FROM recent_claim AS c
)

SELECT w.window_start
FROM checked_window AS w
WHERE
    -- Without a category there are no figures. (On a cluster, a step that stands for itself needs a column.)
    EXISTS (SELECT b.category FROM analytics.backfilled_diagnosis AS b)
    AND NOT EXISTS (
        SELECT FROM analytics.revenue_by_diagnosis AS r
        WHERE r.window_start = w.window_start
    )
    AND NOT EXISTS (
        SELECT FROM analytics.dirty_window AS d
        WHERE d.window_start = w.window_start
    )
ORDER BY w.window_start
