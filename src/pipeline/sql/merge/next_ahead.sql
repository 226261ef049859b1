-- One row: where the next raw rows ahead of the cursor are, how many they are, which of them have an outcome already, as where
-- a sweep came before, and the snapshot that they were looked for in. (The linter takes parameters for columns.)
-- noqa: disable=RF02
WITH next_row AS MATERIALIZED (
    SELECT
        e.seq,
        e.received_at
    FROM staging.event AS e
    WHERE
        e.stream = %(stream)s
        AND e.seq > %(taken_seq)s
        AND (e.received_at >= %(received_from)s::timestamptz OR e.received_at IS NULL)
    ORDER BY e.seq
    LIMIT %(batch_size)s
),

batch AS MATERIALIZED (
    SELECT
        min(r.seq) AS low_seq,
        max(r.seq) AS high_seq,
        min(coalesce(r.received_at, '-infinity'))::text AS first_at,
        max(r.received_at)::text AS last_at,
        count(*) AS found
    FROM next_row AS r
),

decided_row AS MATERIALIZED (
    SELECT o.seq
    FROM staging.outcome AS o
    WHERE
        o.stream = %(stream)s
        AND o.seq BETWEEN (SELECT b.low_seq FROM batch AS b) AND (SELECT b.high_seq FROM batch AS b)
        AND (o.received_at >= %(received_from)s::timestamptz OR o.received_at = '-infinity')
)

SELECT
    b.low_seq,
    b.high_seq,
    b.first_at,
    b.last_at,
    b.found,
    b.found >= %(batch_size)s AS has_more,
    '{}'::bigint[] AS behind_seqs,
    array(
        SELECT d.seq
        FROM decided_row AS d
        ORDER BY d.seq
    ) AS decided_seqs,
    pg_current_snapshot() AS snapshot
FROM batch AS b
