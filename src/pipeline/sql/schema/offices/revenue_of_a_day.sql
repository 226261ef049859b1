-- One row per office and category with revenue in the windows from a time on.
SELECT
    r.office,
    r.category,
    sum(r.revenue) AS revenue,
    sum(r.claims)::bigint AS claims
FROM offices.revenue AS r
WHERE r.window_start >= %(since)s
GROUP BY r.office, r.category
ORDER BY r.office, r.category
