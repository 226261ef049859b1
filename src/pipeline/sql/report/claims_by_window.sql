-- One row per window of a period with a claim: the count and the price of all its claims.
SELECT
    analytics.window_start(c.tsp) AS window_start,
    count(*) AS claims,
    sum(c.price) AS price
FROM claim AS c
WHERE c.tsp >= staging.as_tsp(%(since)s, c.tsp) AND c.tsp < staging.as_tsp(%(until)s, c.tsp)
GROUP BY analytics.window_start(c.tsp)
ORDER BY analytics.window_start(c.tsp)
