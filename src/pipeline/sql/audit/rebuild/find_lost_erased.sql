-- One row per erased raw row whose outcome was removed. Its place in the order of merging is on the record.
WITH erased AS MATERIALIZED (
    SELECT
        x.seq,
        x.received_at
    FROM erased_row AS x
),

erased_with_outcome AS MATERIALIZED (
    SELECT e.seq
    FROM erased AS e
    INNER JOIN staging.outcome AS o ON e.seq = o.seq AND e.received_at = o.received_at
)

INSERT INTO lost_outcome (run_id, seq, stream, received_at)
SELECT
    x.run_id,
    x.seq,
    x.stream,
    x.received_at
FROM erased_row AS x
WHERE x.seq NOT IN (SELECT e.seq FROM erased_with_outcome AS e)
