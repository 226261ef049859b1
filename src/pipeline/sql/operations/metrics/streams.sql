-- One row per stream: its totals so far, how many raw rows wait to be merged, since when the oldest does, and the time.
-- Only the next 100,000 raw rows are looked at, one after the other, so that the answer comes soon however many there are.
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
INNER JOIN staging.merge_place AS place ON c.stream = place.stream
CROSS JOIN
    LATERAL (
        SELECT
            count(*) AS pending,
            min(next_row.received_at) AS pending_since
        FROM (
            SELECT
                e.seq,
                e.received_at
            FROM staging.event AS e
            WHERE
                e.stream = place.stream
                AND e.seq > place.passed_seq
                AND (e.received_at >= place.pending_from OR e.received_at IS NULL)
                AND (e.seq > place.taken_seq OR e.xid >= place.looked_xid)
            ORDER BY e.seq
            LIMIT 100000
        ) AS next_row
        WHERE
            -- Behind the cursor, most have been taken.
            next_row.seq > place.taken_seq
            OR (
                SELECT o.seq
                FROM staging.outcome AS o
                WHERE o.seq = next_row.seq AND o.received_at = coalesce(next_row.received_at, '-infinity')
            ) IS NULL
    ) AS p
ORDER BY c.stream
