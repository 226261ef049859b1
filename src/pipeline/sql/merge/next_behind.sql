-- One row: the next raw rows that the cursor has passed and that have no outcome, and since which transaction some were under
-- way. An outcome is looked up by itself: for a join the planner could loop through a stretch that it takes for empty.
WITH late_row AS (
    SELECT
        e.seq,
        e.received_at
    FROM staging.event AS e
    WHERE
        e.stream = %(stream)s
        AND e.seq > %(passed_seq)s
        AND e.seq <= %(taken_seq)s
        AND e.xid >= %(looked_xid)s::xid8
        AND (e.received_at >= %(received_from)s::timestamptz OR e.received_at IS NULL)
    ORDER BY e.seq
    OFFSET 0
),

pending_row AS (
    SELECT
        l.seq,
        l.received_at
    FROM late_row AS l
    WHERE (
        SELECT o.seq
        FROM staging.outcome AS o
        WHERE o.seq = l.seq AND o.received_at = coalesce(l.received_at, '-infinity')
    ) IS NULL
    LIMIT %(batch_size)s
)

SELECT
    min(r.seq) AS low_seq,
    max(r.seq) AS high_seq,
    min(coalesce(r.received_at, '-infinity'))::text AS first_at,
    max(r.received_at)::text AS last_at,
    count(*) AS found,
    coalesce(array_agg(r.seq), '{}') AS behind_seqs,
    '{}'::bigint[] AS decided_seqs,
    pg_snapshot_xmin(pg_current_snapshot()) AS oldest_xid
FROM pending_row AS r
