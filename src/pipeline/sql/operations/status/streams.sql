-- One row per stream: its totals so far, how many rows are pending and since when, what came in within a minute, its last batch.
SELECT
    c.stream,
    c.merged + c.duplicate + c.conflict + c.rejected + p.pending AS received,
    c.merged,
    c.duplicate,
    c.conflict,
    c.rejected,
    p.pending,
    p.pending_since,
    staging.count_arrivals(c.stream, now() - interval '1 minute', 'infinity', NULL) AS received_in_a_minute,
    (
        SELECT m.finished_at
        FROM staging.merge_run AS m
        WHERE m.stream = c.stream
        ORDER BY m.run_id DESC
        LIMIT 1
    ) AS merged_at
FROM staging.merge_cursor AS c
INNER JOIN staging.pending_of_stream(NULL) AS p ON c.stream = p.stream
ORDER BY c.stream
