-- One row per reason: how many rejected raw rows of the stream were put back to pending, and the first of them.
WITH replayed_row AS (
    DELETE FROM staging.outcome AS o
    WHERE
        o.stream = %(stream)s
        AND o.fate = 'rejected'
        AND (%(reason)s::text IS NULL OR o.reason = %(reason)s)
        -- An archived row can't be merged again. Reading the raw row also keeps it from being archived meanwhile.
        AND EXISTS (
            SELECT FROM staging.event AS e
            WHERE e.seq = o.seq AND staging.same_arrival(e.received_at, o.received_at)
        )
    RETURNING o.seq, o.stream, o.entity_id, o.fate, o.reason, o.run_id, o.received_at
),

kept_outcome AS (
    INSERT INTO staging.outcome_history (seq, stream, entity_id, fate, reason, run_id)
    SELECT
        r.seq,
        r.stream,
        r.entity_id,
        r.fate,
        r.reason,
        r.run_id
    FROM replayed_row AS r
    ORDER BY r.seq
)

SELECT
    r.reason,
    count(*) AS replayed,
    min(r.seq) AS first_seq,
    min(r.received_at)::text AS first_at
FROM replayed_row AS r
GROUP BY r.reason
ORDER BY r.reason
