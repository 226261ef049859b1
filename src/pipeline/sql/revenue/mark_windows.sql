-- One row per window between the bounds that has a claim or a published figure: it is marked.
-- It looks up the next window with a claim after each one, and so reads only one claim of each window.
WITH RECURSIVE claimed_window AS (
    (
        SELECT analytics.window_start(c.tsp) AS window_start
        FROM claim AS c
        WHERE c.tsp >= staging.as_tsp(analytics.window_start(%(since)s), c.tsp)
        ORDER BY c.tsp
        LIMIT 1
    )
    UNION ALL
    SELECT
        (
            SELECT analytics.window_start(c.tsp)
            FROM claim AS c
            WHERE c.tsp >= staging.as_tsp(analytics.window_end(w.window_start), c.tsp)
            ORDER BY c.tsp
            LIMIT 1
        ) AS window_start
    FROM claimed_window AS w
    WHERE w.window_start < %(until)s
)

INSERT INTO analytics.dirty_window (window_start)
SELECT w.window_start
FROM claimed_window AS w
WHERE w.window_start < %(until)s
UNION
SELECT r.window_start
FROM analytics.revenue_by_diagnosis AS r
WHERE
    r.window_start >= analytics.window_start(%(since)s)
    AND r.window_start < %(until)s
ORDER BY window_start
