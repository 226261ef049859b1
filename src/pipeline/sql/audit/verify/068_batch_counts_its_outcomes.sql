-- every batch counts as many outcomes as there are of it, those that were replayed included
WITH decided AS (
    SELECT
        o.run_id,
        o.fate
    FROM staging.outcome AS o
    WHERE o.run_id >= %(first_run_id)s
    UNION ALL
    SELECT
        h.run_id,
        h.fate
    FROM staging.outcome_history AS h
    WHERE h.run_id >= %(first_run_id)s
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
),

checked_batch AS (
    SELECT m.*
    FROM staging.merge_run AS m
    WHERE m.run_id >= %(first_run_id)s
)

SELECT
    m.run_id,
    m.stream,
    m.merged + m.duplicate + m.conflict + m.rejected AS counted,
    coalesce(d.merged + d.duplicate + d.conflict + d.rejected, 0) AS outcomes
FROM checked_batch AS m
LEFT JOIN decided_by_batch AS d ON m.run_id = d.run_id
WHERE
    (m.merged, m.duplicate, m.conflict, m.rejected)
    IS DISTINCT FROM (coalesce(d.merged, 0), coalesce(d.duplicate, 0), coalesce(d.conflict, 0), coalesce(d.rejected, 0))
