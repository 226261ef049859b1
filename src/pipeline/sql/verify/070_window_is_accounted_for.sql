-- every closed window with a claim is published, or marked to be computed
SELECT DISTINCT date_bin('10 minutes', c.tsp, timestamptz 'epoch') AS window_start
FROM claim AS c
WHERE
    date_bin('10 minutes', c.tsp, timestamptz 'epoch') NOT IN (SELECT r.window_start FROM analytics.revenue_by_diagnosis AS r)
    AND date_bin('10 minutes', c.tsp, timestamptz 'epoch') NOT IN (SELECT d.window_start FROM analytics.dirty_window AS d)
ORDER BY window_start
