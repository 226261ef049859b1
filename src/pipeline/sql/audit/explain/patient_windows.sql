-- One row per window from a time on in which the patient has a claim, up to a limit; all_windows counts all of them.
WITH claim_since AS (
    SELECT
        analytics.window_start(c.tsp) AS window_start,
        c.price
    FROM claim AS c
    WHERE c.patient_id = %(patient_id)s AND c.tsp >= staging.as_tsp(%(since)s, c.tsp)
),

window_since AS (
    SELECT
        c.window_start,
        count(*) AS claims,
        sum(c.price) AS price,
        count(*) OVER () AS all_windows
    FROM claim_since AS c
    GROUP BY c.window_start
    ORDER BY c.window_start
    LIMIT %(most)s
)

SELECT
    w.window_start,
    w.claims,
    w.price,
    w.all_windows,
    (
        SELECT count(*) > 0
        FROM analytics.revenue_by_diagnosis AS r
        WHERE r.window_start = w.window_start
    ) AS is_published,
    (
        SELECT count(*) > 0
        FROM analytics.dirty_window AS d
        WHERE d.window_start = w.window_start
    ) AS is_marked
FROM window_since AS w
ORDER BY w.window_start
