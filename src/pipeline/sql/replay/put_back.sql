-- One row per reason: how many rejected raw rows of the stream were put back to pending, and the first transaction that wrote one.
WITH replayed_row AS (
    DELETE FROM staging.outcome AS o
    WHERE
        o.stream = %(stream)s
        AND o.fate = 'rejected'
        AND (%(reason)s::text IS NULL OR o.reason = %(reason)s)
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
    min(e.xid) AS first_xid
FROM replayed_row AS r
LEFT JOIN staging.event AS e ON r.seq = e.seq AND (r.received_at = e.received_at OR (r.received_at = '-infinity' AND e.received_at IS NULL))
GROUP BY r.reason
ORDER BY r.reason
