-- One row: where the next raw rows ahead of the cursor are, how many they are, and since which transaction some were
-- under way.
WITH next_row AS (
    SELECT
        e.seq,
        e.received_at
    FROM staging.event AS e
    WHERE
        e.stream = %(stream)s
        AND e.seq > %(taken_seq)s
        AND (e.received_at >= %(taken_from)s::timestamptz OR e.received_at IS NULL)
    ORDER BY e.seq
    LIMIT %(batch_size)s
)

SELECT
    min(r.seq) AS low_seq,
    max(r.seq) AS high_seq,
    min(r.received_at)::text AS first_at,
    max(r.received_at)::text AS last_at,
    count(*) AS found,
    '{}'::bigint[] AS behind_seqs,
    pg_snapshot_xmin(pg_current_snapshot()) AS oldest_xid
FROM next_row AS r
