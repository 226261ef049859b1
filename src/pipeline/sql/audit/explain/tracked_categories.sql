-- One row per category that is tracked, or that the figures were computed with; is_settled is false where the two differ: until the
-- next analytics run.
SELECT
    c.category,
    bool_or(c.is_tracked) AS is_tracked,
    bool_and(c.is_tracked = c.is_backfilled) AS is_settled
FROM analytics.counted_diagnosis AS c
GROUP BY c.category
ORDER BY c.category
