-- One row per stream: its totals are set to those of the derived outcomes, and its clean table is not emptied any more.
WITH counted AS (
    SELECT
        m.stream,
        coalesce(c.merged, 0) AS merged,
        coalesce(c.duplicate, 0) AS duplicate,
        coalesce(c.conflict, 0) AS conflict,
        coalesce(c.rejected, 0) AS rejected
    FROM staging.merge_cursor AS m
    LEFT JOIN rebuilt_stream_count AS c ON m.stream = c.stream
)

UPDATE staging.merge_cursor AS m
SET
    merged = c.merged,
    duplicate = c.duplicate,
    conflict = c.conflict,
    rejected = c.rejected,
    emptied_at = NULL
FROM counted AS c
WHERE m.stream = c.stream
