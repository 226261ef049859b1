-- One row per stream: its totals so far, how many rows are pending and since when, what came in within a minute, its last batch.
-- now() and not clock_timestamp(), because only a value that is stable can be looked up in an index.
WITH recent_by_stream AS (
    SELECT
        e.stream,
        count(*) AS received
    FROM staging.event AS e
    WHERE e.received_at > now() - interval '1 minute'
    GROUP BY e.stream
)

SELECT
    c.stream,
    c.merged + c.duplicate + c.conflict + c.rejected + p.pending AS received,
    c.merged,
    c.duplicate,
    c.conflict,
    c.rejected,
    p.pending,
    p.pending_since,
    coalesce(r.received, 0) AS received_in_a_minute,
    (
        SELECT m.finished_at
        FROM staging.merge_run AS m
        WHERE m.stream = c.stream
        ORDER BY m.run_id DESC
        LIMIT 1
    ) AS merged_at
FROM staging.merge_cursor AS c
INNER JOIN staging.pending_of_stream(NULL) AS p ON c.stream = p.stream
LEFT JOIN recent_by_stream AS r ON c.stream = r.stream
ORDER BY c.stream
