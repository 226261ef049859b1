-- One row per stream: its totals so far, what waits to be merged and since when, what came in within a minute, its last batch.
WITH pending_by_stream AS (
    SELECT
        c.stream,
        p.pending,
        p.pending_since
    FROM staging.merge_place AS c
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS pending,
            min(e.received_at) AS pending_since
        FROM (
            -- A fence: the planner takes a third of all rows to be behind a cursor, and would read every one.
            SELECT
                behind.seq,
                behind.received_at
            FROM staging.event AS behind
            WHERE
                behind.stream = c.stream
                AND behind.seq > c.passed_seq
                AND (behind.received_at >= c.pending_from OR behind.received_at IS NULL)
                AND (behind.seq > c.taken_seq OR behind.xid >= c.looked_xid)
            ORDER BY behind.seq
            OFFSET 0
        ) AS e
        WHERE
            -- Behind the cursor, most have been taken.
            e.seq > c.taken_seq
            OR (
                SELECT count(*) = 0
                FROM staging.outcome AS o
                WHERE o.seq = e.seq AND o.received_at = coalesce(e.received_at, '-infinity')
            )
    ) AS p
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
INNER JOIN pending_by_stream AS p ON c.stream = p.stream
LEFT JOIN recent_by_stream AS r ON c.stream = r.stream
ORDER BY c.stream
