-- One row per batch that counts other outcomes than it has, those derived anew and those replayed.
WITH decided AS (
    SELECT
        r.run_id,
        r.fate
    FROM rebuilt_outcome AS r
    UNION ALL
    SELECT
        h.run_id,
        h.fate
    FROM staging.outcome_history AS h
),

decided_by_batch AS (
    SELECT
        d.run_id,
        count(*) FILTER (WHERE d.fate = 'merged') AS merged,
        count(*) FILTER (WHERE d.fate = 'duplicate') AS duplicate,
        count(*) FILTER (WHERE d.fate = 'conflict') AS conflict,
        count(*) FILTER (WHERE d.fate = 'rejected') AS rejected
    FROM decided AS d
    GROUP BY d.run_id
)

INSERT INTO rebuilt_difference (relation, kind, id)
SELECT
    'batch' AS relation,
    'changed' AS kind,
    m.run_id
FROM staging.merge_run AS m
LEFT JOIN decided_by_batch AS d ON m.run_id = d.run_id
WHERE
    (m.merged, m.duplicate, m.conflict, m.rejected)
    IS DISTINCT FROM (coalesce(d.merged, 0), coalesce(d.duplicate, 0), coalesce(d.conflict, 0), coalesce(d.rejected, 0))
