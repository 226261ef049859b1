-- One row per window of a period in which a claim came in: all its claims, of whatever patient.
SELECT
    analytics.window_start(c.tsp) AS window_start,
    count(*) AS claims,
    sum(c.price) AS price
FROM claim AS c
WHERE c.tsp >= %(since)s AND c.tsp < %(until)s
GROUP BY analytics.window_start(c.tsp)
ORDER BY analytics.window_start(c.tsp)
