-- One row per stream and reason: how many raw rows were rejected.
SELECT
    o.stream,
    o.reason,
    count(*) AS raw_rows
FROM staging.outcome AS o
WHERE o.fate = 'rejected'
GROUP BY o.stream, o.reason
ORDER BY o.stream, o.reason
