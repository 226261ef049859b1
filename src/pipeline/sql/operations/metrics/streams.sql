-- One row per stream: its totals so far, how many raw rows are pending, since when the oldest is, and the time.
-- It looks at 100,000 raw rows at most, so that it answers soon however many are pending.
SELECT
    c.stream,
    c.merged,
    c.duplicate,
    c.conflict,
    c.rejected,
    p.pending,
    p.pending_since,
    clock_timestamp() AS now
FROM staging.merge_cursor AS c
INNER JOIN staging.pending_of_stream(100000) AS p ON c.stream = p.stream
ORDER BY c.stream
