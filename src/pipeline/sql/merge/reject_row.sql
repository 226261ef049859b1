-- One row: the counts of a batch of one raw row, which is rejected without a look into it, because it can't be processed.
WITH recorded_outcome AS (
    INSERT INTO staging.outcome (seq, stream, fate, reason, run_id, received_at)
    SELECT
        e.seq,
        e.stream,
        'rejected' AS fate,
        'unprocessable' AS reason,
        %(run_id)s::bigint AS run_id,
        coalesce(e.received_at, '-infinity') AS received_at
    FROM staging.event AS e
    WHERE
        e.stream = %(stream)s
        AND e.seq = %(low_seq)s
        AND (e.received_at BETWEEN %(first_at)s::timestamptz AND %(last_at)s::timestamptz OR e.received_at IS NULL)
        AND e.seq <> all(%(decided_seqs)s::bigint[])
    RETURNING reason
)

SELECT
    0 AS merged,
    0 AS duplicate,
    0 AS conflict,
    count(*) AS rejected,
    0 AS dirtied_windows,
    jsonb_build_object('unprocessable', count(*)) AS reasons
FROM recorded_outcome
