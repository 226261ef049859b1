-- One row per stream: when its newest raw row came in.
SELECT
    c.stream,
    staging.newest_arrival(c.stream) AS received_at
FROM staging.merge_cursor AS c
ORDER BY c.stream
