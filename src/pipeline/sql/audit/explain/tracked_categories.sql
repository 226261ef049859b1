-- One row per tracked category; is_settled is false for a new one until an analytics run has included it.
SELECT
    t.category,
    bool_and(t.backfilled_at IS NOT NULL) AS is_settled
FROM analytics.tracked_diagnosis AS t
GROUP BY t.category
ORDER BY t.category
