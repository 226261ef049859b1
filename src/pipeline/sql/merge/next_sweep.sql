-- One row: the next raw rows without an outcome that were received since a time, wherever they are, but for those that the look
-- ahead has seen since the merge began. (The linter takes the parameters for columns.)
-- noqa: disable=RF02
WITH pending_row AS (
    SELECT
        e.seq,
        e.received_at
    FROM staging.event AS e
    LEFT JOIN staging.outcome AS o
        ON
            e.seq = o.seq
            AND o.received_at = coalesce(e.received_at, '-infinity')
            AND (o.received_at >= %(received_from)s::timestamptz OR o.received_at = '-infinity')
            AND (o.seq <= %(began_seq)s OR o.received_at < %(taken_from)s::timestamptz)
    WHERE
        e.stream = %(stream)s
        AND (e.received_at >= %(received_from)s::timestamptz OR e.received_at IS NULL)
        AND (e.seq <= %(began_seq)s OR e.received_at < %(taken_from)s::timestamptz)
        AND o.seq IS NULL
    ORDER BY e.seq
    LIMIT %(batch_size)s
)

SELECT
    min(r.seq) AS low_seq,
    max(r.seq) AS high_seq,
    min(coalesce(r.received_at, '-infinity'))::text AS first_at,
    max(r.received_at)::text AS last_at,
    count(*) AS found,
    count(*) >= %(batch_size)s AS has_more,
    coalesce(array_agg(r.seq), '{}') AS behind_seqs,
    '{}'::bigint[] AS decided_seqs
FROM pending_row AS r
