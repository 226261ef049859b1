-- no raw row was accepted before the one of its id that was merged
-- mended by: rebuild --apply, analytics
-- Without OFFSET 0 the planner may expect only a few repeats, and read all outcomes to find them.
WITH merged_row AS (
    SELECT
        o.stream,
        o.entity_id,
        o.run_id,
        o.seq
    FROM staging.outcome AS o
    WHERE o.run_id >= %(first_run_id)s AND o.fate = 'merged'
    OFFSET 0
)

SELECT
    o.seq,
    o.stream,
    o.entity_id AS id,
    m.seq AS merged_seq
FROM merged_row AS m
INNER JOIN staging.outcome AS o ON m.stream = o.stream AND m.entity_id = o.entity_id
WHERE o.fate IN ('duplicate', 'conflict') AND (o.run_id, o.seq) < (m.run_id, m.seq)
