-- every stream's totals, which the status shows, equal its outcomes
WITH outcome_by_stream AS (
    SELECT
        o.stream,
        count(*) FILTER (WHERE o.fate = 'merged') AS merged,
        count(*) FILTER (WHERE o.fate = 'duplicate') AS duplicate,
        count(*) FILTER (WHERE o.fate = 'conflict') AS conflict,
        count(*) FILTER (WHERE o.fate = 'rejected') AS rejected
    FROM staging.outcome AS o
    GROUP BY o.stream
)

SELECT
    c.stream,
    c.merged + c.duplicate + c.conflict + c.rejected AS counted,
    coalesce(o.merged + o.duplicate + o.conflict + o.rejected, 0) AS outcomes
FROM staging.merge_cursor AS c
LEFT JOIN outcome_by_stream AS o ON c.stream = o.stream
WHERE
    (c.merged, c.duplicate, c.conflict, c.rejected)
    IS DISTINCT FROM (coalesce(o.merged, 0), coalesce(o.duplicate, 0), coalesce(o.conflict, 0), coalesce(o.rejected, 0))
ORDER BY c.stream
