-- One row per stream and reason: how many raw rows were rejected, of those received since a time and of those without a time.
-- (The linter takes the parameter for a column.)
-- noqa: disable=RF02
SELECT
    o.stream,
    o.reason,
    count(*) AS raw_rows
FROM staging.outcome AS o
WHERE o.fate = 'rejected' AND (o.received_at >= %(since)s OR o.received_at = '-infinity')
GROUP BY o.stream, o.reason
ORDER BY o.stream, o.reason
