-- One row per stream: its totals so far, how many raw rows are pending, since when the oldest is, the time, and since when the
-- oldest transaction of the server is open.
-- It looks at 100,000 raw rows at most, so that it answers soon however many are pending.
SELECT
    c.stream,
    c.merged,
    c.duplicate,
    c.conflict,
    c.rejected,
    p.pending,
    p.pending_since,
    clock_timestamp() AS now,
    (
        SELECT t.begun_at
        FROM staging.oldest_transaction() AS t
    ) AS transaction_begun_at
FROM staging.merge_cursor AS c
INNER JOIN staging.pending_of_stream(100000) AS p ON c.stream = p.stream
ORDER BY c.stream
