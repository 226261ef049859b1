-- What is pending: a raw row without an outcome. staging.pending_row looks at all raw rows. staging.pending_of_stream
-- returns the same count at a cost that does not grow with history, because it only looks at rows after the cursor's position.
-- The merge and the archive write the condition themselves, with bounds on both tables, so that they read few partitions. Rebuild does
-- too, because it also looks at archived raw rows.
CREATE VIEW staging.pending_row AS
SELECT
    e.seq,
    e.stream,
    e.received_at
FROM staging.event AS e
WHERE
    NOT EXISTS (
        SELECT FROM staging.outcome AS o
        WHERE o.seq = e.seq AND o.received_at = coalesce(e.received_at, '-infinity')
    );

COMMENT ON VIEW staging.pending_row IS 'One row per raw row without an outcome. It reads all raw rows: name a range of received_at or seq.';
COMMENT ON COLUMN staging.pending_row.seq IS 'The raw row.';
COMMENT ON COLUMN staging.pending_row.stream IS 'Its stream.';
COMMENT ON COLUMN staging.pending_row.received_at IS 'When it was received.';

-- The planner takes a third of all rows to be behind a cursor and would read them all, so OFFSET 0 keeps it from joining.
-- An outcome is looked up by itself: joined, the planner could loop through a stretch that it takes for empty.
CREATE OR REPLACE FUNCTION staging.pending_of_stream(most bigint)
RETURNS TABLE (stream text, pending bigint, pending_since timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    p.stream,
    found.pending,
    found.pending_since
FROM staging.merge_place AS p
-- Of what can appear behind the cursor, that of the transactions that have ended by now.
CROSS JOIN LATERAL (
    SELECT
        least(p.looked_seq, min(b.after_seq)) AS after_seq,
        array_agg(b.xid) AS xids,
        bool_or(b.xid IS NULL) AS is_of_all
    FROM staging.look_back AS b
    WHERE b.stream = p.stream AND (b.xid IS NULL OR pg_visible_in_snapshot(b.xid, pg_current_snapshot()))
) AS ended
CROSS JOIN LATERAL (
    SELECT
        count(*) AS pending,
        min(next_row.received_at) AS pending_since
    FROM (
        SELECT
            e.seq,
            e.received_at
        FROM staging.event AS e
        WHERE
            e.stream = p.stream
            AND e.seq > ended.after_seq
            AND (e.received_at >= p.pending_from OR e.received_at IS NULL)
            AND CASE
                WHEN e.seq > p.taken_seq OR ended.is_of_all THEN TRUE
                WHEN e.seq > p.looked_seq THEN NOT pg_visible_in_snapshot(e.xid, p.looked_snapshot)
                ELSE e.xid = any(ended.xids)
            END
        ORDER BY e.seq
        LIMIT most
        OFFSET 0
    ) AS next_row
    WHERE
        -- Behind the cursor, most rows have an outcome.
        next_row.seq > p.taken_seq
        OR (
            SELECT count(*) = 0
            FROM staging.outcome AS o
            WHERE o.seq = next_row.seq AND o.received_at = coalesce(next_row.received_at, '-infinity')
        )
) AS found
$$;

COMMENT ON FUNCTION staging.pending_of_stream(bigint) IS
'One row per stream: how many raw rows are pending and since when the oldest is; it looks at so many at most, and at all of them if that is NULL.';
