-- One row: the next raw rows that the cursor has passed, that can have appeared since the last look, and that have no outcome.
-- An outcome is looked up by itself, for each raw row alone: for a join the planner could loop through a stretch that it takes for
-- empty. (The linter takes parameters for columns.)
-- noqa: disable=RF02
WITH pending_row AS MATERIALIZED (
    SELECT
        e.seq,
        e.received_at
    FROM staging.event AS e
    WHERE
        e.stream = %(stream)s
        AND e.seq > least(%(looked_seq)s, %(after_seq)s)
        AND e.seq <= %(taken_seq)s
        AND (e.received_at >= least(%(looked_from)s::timestamptz, %(after_from)s::timestamptz) OR e.received_at IS NULL)
        AND CASE
            WHEN %(is_of_all)s THEN TRUE
            WHEN e.seq > %(looked_seq)s THEN NOT pg_visible_in_snapshot(e.xid, %(looked_snapshot)s::pg_snapshot)
            ELSE e.xid = any(%(ended)s::xid8[])
        END
        AND (
            SELECT o.seq
            FROM staging.outcome AS o
            WHERE
                o.seq = e.seq
                AND o.received_at = coalesce(e.received_at, '-infinity')
                AND (
                    o.received_at >= least(%(looked_from)s::timestamptz, %(after_from)s::timestamptz)
                    OR o.received_at = '-infinity'
                )
        ) IS NULL
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
    coalesce(array_agg(r.seq ORDER BY r.seq), '{}') AS behind_seqs,
    '{}'::bigint[] AS decided_seqs
FROM pending_row AS r
