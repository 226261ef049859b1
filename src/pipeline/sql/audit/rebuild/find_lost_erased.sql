-- One row per erased raw row whose outcome was removed. Its place in the order of merging is on the record.
INSERT INTO lost_outcome (run_id, seq, stream, received_at)
SELECT
    x.run_id,
    x.seq,
    x.stream,
    x.received_at
FROM erased_row AS x
WHERE
    NOT EXISTS (
        SELECT FROM staging.outcome AS o
        WHERE o.seq = x.seq AND o.received_at = x.received_at
    )
