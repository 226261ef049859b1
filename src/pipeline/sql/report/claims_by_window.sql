-- One row per window of a period in which a claim came in: all its claims, of whatever patient.
SELECT
    date_bin('10 minutes', c.tsp, timestamptz 'epoch') AS window_start,
    count(*) AS claims,
    sum(c.price) AS price
FROM claim AS c
WHERE c.tsp >= %(since)s AND c.tsp < %(until)s
GROUP BY date_bin('10 minutes', c.tsp, timestamptz 'epoch')
ORDER BY date_bin('10 minutes', c.tsp, timestamptz 'epoch')
