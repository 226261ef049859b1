-- every outcome was decided by a batch of its stream
-- mended by: rebuild --apply
WITH checked_row AS (
    SELECT
        o.seq,
        o.stream,
        o.run_id
    FROM staging.outcome AS o
    WHERE o.run_id >= %(first_run_id)s
)

SELECT
    o.seq,
    o.stream,
    o.run_id,
    m.stream AS batch_stream
FROM checked_row AS o
LEFT JOIN staging.merge_run AS m ON o.run_id = m.run_id
WHERE o.stream IS DISTINCT FROM m.stream
