-- One row per raw row whose erasure is on the record, and that no backup has brought back: its outcome then.
INSERT INTO erased_row (seq, received_at, stream, entity_id, fate, reason, run_id)
SELECT
    x.seq,
    x.received_at,
    x.stream,
    x.entity_id,
    x.fate,
    x.reject_reason,
    x.run_id
FROM staging.erasure AS x
WHERE
    x.reason IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM raw_row AS e
        WHERE e.seq = x.seq
    )
ORDER BY x.seq
