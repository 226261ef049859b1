-- One row per window between the bounds that has a claim or a published figure: marked, to be computed again.
-- From window to window: the next one with a claim is looked up behind each, so that no claim is read but one of each window.
WITH RECURSIVE claimed_window AS (
    (
        SELECT date_bin('10 minutes', c.tsp, timestamptz 'epoch') AS window_start
        FROM claim AS c
        WHERE c.tsp >= date_bin('10 minutes', %(since)s, timestamptz 'epoch')
        ORDER BY c.tsp
        LIMIT 1
    )
    UNION ALL
    SELECT
        (
            SELECT date_bin('10 minutes', c.tsp, timestamptz 'epoch')
            FROM claim AS c
            WHERE c.tsp >= w.window_start + interval '10 minutes'
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
    r.window_start >= date_bin('10 minutes', %(since)s, timestamptz 'epoch')
    AND r.window_start < %(until)s
ORDER BY window_start
