-- One row per batch that is missing, or that differs from its outcomes, as derived anew and with those that were replayed.
INSERT INTO rebuilt_difference (relation, kind, id)
SELECT
    'batch' AS relation,
    CASE WHEN m.run_id IS NULL THEN 'missing' ELSE 'changed' END AS kind,
    coalesce(m.run_id, c.run_id) AS id
FROM staging.merge_run AS m
FULL JOIN rebuilt_batch_count AS c ON m.run_id = c.run_id
WHERE
    (m.stream, m.merged, m.duplicate, m.conflict, m.rejected)
    IS DISTINCT FROM (
        coalesce(c.stream, m.stream), coalesce(c.merged, 0), coalesce(c.duplicate, 0), coalesce(c.conflict, 0), coalesce(c.rejected, 0)
    )
