-- One row per batch whose counts differ from its outcomes, as derived anew and with those that were replayed.
INSERT INTO rebuilt_difference (relation, kind, id)
SELECT
    'batch' AS relation,
    'changed' AS kind,
    m.run_id
FROM staging.merge_run AS m
LEFT JOIN rebuilt_batch_count AS c ON m.run_id = c.run_id
WHERE
    (m.merged, m.duplicate, m.conflict, m.rejected)
    IS DISTINCT FROM (coalesce(c.merged, 0), coalesce(c.duplicate, 0), coalesce(c.conflict, 0), coalesce(c.rejected, 0))
