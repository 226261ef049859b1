-- One row: how many claims the window has.
SELECT count(*) AS claims
FROM claim AS c
WHERE
    c.tsp >= staging.as_tsp(%(window_start)s, c.tsp)
    AND c.tsp < staging.as_tsp(analytics.window_end(%(window_start)s), c.tsp)
