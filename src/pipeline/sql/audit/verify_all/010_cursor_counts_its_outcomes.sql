-- every stream's totals, which the status shows, equal its outcomes
-- mended by: rebuild --apply
SELECT
    coalesce(c.stream, o.stream) AS stream,
    c.merged + c.duplicate + c.conflict + c.rejected AS counted,
    coalesce(o.merged + o.duplicate + o.conflict + o.rejected, 0) AS outcomes
FROM staging.merge_cursor AS c
FULL JOIN staging.stream_outcome_count AS o ON c.stream = o.stream
WHERE
    (c.merged, c.duplicate, c.conflict, c.rejected)
    IS DISTINCT FROM (coalesce(o.merged, 0), coalesce(o.duplicate, 0), coalesce(o.conflict, 0), coalesce(o.rejected, 0))
ORDER BY stream
