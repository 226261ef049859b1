-- One row: how many claims the window has.
SELECT count(*) AS claims
FROM claim AS c
WHERE c.tsp >= %(window_start)s AND c.tsp < analytics.window_end(%(window_start)s)
