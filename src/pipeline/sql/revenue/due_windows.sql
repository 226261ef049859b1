-- One row per window that is due: marked, closed by now, and between the bounds.
SELECT DISTINCT d.window_start
FROM analytics.dirty_window AS d
WHERE
    d.window_start + interval '10 minutes' <= %(now)s
    AND d.window_start >= date_bin('10 minutes', %(since)s, timestamptz 'epoch')
    AND d.window_start < %(until)s
ORDER BY d.window_start
