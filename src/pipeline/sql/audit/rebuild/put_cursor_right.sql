-- One row per stream: its totals are those of the outcomes derived anew.
WITH counted AS (
    SELECT
        m.stream,
        count(*) FILTER (WHERE r.fate = 'merged') AS merged,
        count(*) FILTER (WHERE r.fate = 'duplicate') AS duplicate,
        count(*) FILTER (WHERE r.fate = 'conflict') AS conflict,
        count(*) FILTER (WHERE r.fate = 'rejected') AS rejected
    FROM staging.merge_cursor AS m
    LEFT JOIN rebuilt_outcome AS r ON m.stream = r.stream
    GROUP BY m.stream
)

UPDATE staging.merge_cursor AS m
SET
    merged = c.merged,
    duplicate = c.duplicate,
    conflict = c.conflict,
    rejected = c.rejected
FROM counted AS c
WHERE m.stream = c.stream
