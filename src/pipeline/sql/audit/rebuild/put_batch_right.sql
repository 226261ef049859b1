-- One row per batch whose stream or counts were wrong: they are corrected.
WITH counted AS (
    SELECT
        b.id AS run_id,
        c.stream,
        coalesce(c.merged, 0) AS merged,
        coalesce(c.duplicate, 0) AS duplicate,
        coalesce(c.conflict, 0) AS conflict,
        coalesce(c.rejected, 0) AS rejected
    FROM rebuilt_difference AS b
    LEFT JOIN rebuilt_batch_count AS c ON b.id = c.run_id
    WHERE b.relation = 'batch' AND b.kind = 'changed'
)

UPDATE staging.merge_run AS m
SET
    stream = coalesce(c.stream, m.stream),
    merged = c.merged,
    duplicate = c.duplicate,
    conflict = c.conflict,
    rejected = c.rejected
FROM counted AS c
WHERE m.run_id = c.run_id
