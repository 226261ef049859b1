-- One row per window between the bounds that has a claim or a published figure: marked, to be computed again.
INSERT INTO analytics.dirty_window (window_start)
SELECT date_bin('10 minutes', c.tsp, timestamptz 'epoch') AS window_start
FROM claim AS c
WHERE
    c.tsp >= date_bin('10 minutes', %(since)s, timestamptz 'epoch')
    AND date_bin('10 minutes', c.tsp, timestamptz 'epoch') < %(until)s
UNION
SELECT r.window_start
FROM analytics.revenue_by_diagnosis AS r
WHERE
    r.window_start >= date_bin('10 minutes', %(since)s, timestamptz 'epoch')
    AND r.window_start < %(until)s
ORDER BY window_start
