-- One row per stream whose totals are not those of the outcomes derived anew.
WITH counted AS (
    SELECT
        r.stream,
        count(*) FILTER (WHERE r.fate = 'merged') AS merged,
        count(*) FILTER (WHERE r.fate = 'duplicate') AS duplicate,
        count(*) FILTER (WHERE r.fate = 'conflict') AS conflict,
        count(*) FILTER (WHERE r.fate = 'rejected') AS rejected
    FROM rebuilt_outcome AS r
    GROUP BY r.stream
)

INSERT INTO rebuilt_difference (relation, kind)
SELECT
    'cursor' AS relation,
    'changed' AS kind
FROM staging.merge_cursor AS m
LEFT JOIN counted AS c ON m.stream = c.stream
WHERE
    (m.merged, m.duplicate, m.conflict, m.rejected)
    IS DISTINCT FROM (coalesce(c.merged, 0), coalesce(c.duplicate, 0), coalesce(c.conflict, 0), coalesce(c.rejected, 0))
