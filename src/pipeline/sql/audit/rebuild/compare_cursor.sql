-- One row per stream whose totals are not those of the outcomes derived anew.
INSERT INTO rebuilt_difference (relation, kind)
SELECT
    'cursor' AS relation,
    'changed' AS kind
FROM staging.merge_cursor AS m
LEFT JOIN rebuilt_stream_count AS c ON m.stream = c.stream
WHERE
    (m.merged, m.duplicate, m.conflict, m.rejected)
    IS DISTINCT FROM (coalesce(c.merged, 0), coalesce(c.duplicate, 0), coalesce(c.conflict, 0), coalesce(c.rejected, 0))
