-- One row per stream whose totals are missing, or not those of the outcomes derived anew, or whose clean table was emptied.
INSERT INTO rebuilt_difference (relation, kind)
SELECT
    'cursor' AS relation,
    CASE WHEN m.stream IS NULL THEN 'missing' ELSE 'changed' END AS kind
FROM staging.merge_cursor AS m
FULL JOIN rebuilt_stream_count AS c ON m.stream = c.stream
WHERE
    m.emptied_at IS NOT NULL
    OR (m.merged, m.duplicate, m.conflict, m.rejected)
    IS DISTINCT FROM (coalesce(c.merged, 0), coalesce(c.duplicate, 0), coalesce(c.conflict, 0), coalesce(c.rejected, 0))
