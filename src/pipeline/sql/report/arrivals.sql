-- One row per stream: when its newest raw row came in.
SELECT
    c.stream,
    (
        SELECT e.received_at
        FROM staging.event AS e
        WHERE e.stream = c.stream
        ORDER BY e.seq DESC
        LIMIT 1
    ) AS received_at
FROM staging.merge_cursor AS c
ORDER BY c.stream
