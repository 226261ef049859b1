-- One row per window of a period with a claim: the count and the price of all its claims.
SELECT
    analytics.window_start(c.tsp) AS window_start,
    count(*) AS claims,
    sum(c.price) AS price
FROM claim AS c
WHERE c.tsp >= %(since)s AND c.tsp < %(until)s
GROUP BY analytics.window_start(c.tsp)
ORDER BY analytics.window_start(c.tsp)
