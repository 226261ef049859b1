-- One row per tracked category; one that has just been added is not settled until an analytics run has taken it in.
SELECT
    t.category,
    bool_and(t.backfilled_at IS NOT NULL) AS is_settled
FROM analytics.tracked_diagnosis AS t
GROUP BY t.category
ORDER BY t.category
