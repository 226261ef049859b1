-- One row per stream: its totals so far, what waits to be merged and since when, what came in within a minute, its last batch.
WITH pending_row AS (
    SELECT
        e.stream,
        e.received_at
    FROM staging.merge_cursor AS c
    INNER JOIN staging.event AS e ON c.stream = e.stream AND c.last_xid < e.xid
    LEFT JOIN staging.outcome AS o ON e.seq = o.seq
    WHERE o.seq IS NULL
),

pending_by_stream AS (
    SELECT
        p.stream,
        count(*) AS pending,
        min(p.received_at) AS pending_since
    FROM pending_row AS p
    GROUP BY p.stream
),

-- now(), not clock_timestamp(): what stays the same for a transaction can be looked up in an index.
recent_by_stream AS (
    SELECT
        e.stream,
        count(*) AS received
    FROM staging.event AS e
    WHERE e.received_at > now() - interval '1 minute'
    GROUP BY e.stream
)

SELECT
    c.stream,
    c.merged + c.duplicate + c.conflict + c.rejected + coalesce(p.pending, 0) AS received,
    c.merged,
    c.duplicate,
    c.conflict,
    c.rejected,
    coalesce(p.pending, 0) AS pending,
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
LEFT JOIN pending_by_stream AS p ON c.stream = p.stream
LEFT JOIN recent_by_stream AS r ON c.stream = r.stream
ORDER BY c.stream
