-- every batch counts as many outcomes as there are of it, those that were replayed included
-- mended by: rebuild --apply
WITH checked_batch AS (
    SELECT m.*
    FROM staging.merge_run AS m
    WHERE m.run_id >= %(first_run_id)s
),

found AS (
    SELECT c.*
    FROM staging.batch_outcome_count AS c
    WHERE c.run_id >= %(first_run_id)s
)

SELECT
    m.run_id,
    m.stream,
    m.merged + m.duplicate + m.conflict + m.rejected AS counted,
    coalesce(f.merged + f.duplicate + f.conflict + f.rejected, 0) AS outcomes
FROM checked_batch AS m
LEFT JOIN found AS f ON m.run_id = f.run_id
WHERE
    (m.merged, m.duplicate, m.conflict, m.rejected)
    IS DISTINCT FROM (coalesce(f.merged, 0), coalesce(f.duplicate, 0), coalesce(f.conflict, 0), coalesce(f.rejected, 0))
