-- One row per batch that counted wrong: it counts its outcomes again.
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

counted AS (
    SELECT
        b.id AS run_id,
        count(*) FILTER (WHERE d.fate = 'merged') AS merged,
        count(*) FILTER (WHERE d.fate = 'duplicate') AS duplicate,
        count(*) FILTER (WHERE d.fate = 'conflict') AS conflict,
        count(*) FILTER (WHERE d.fate = 'rejected') AS rejected
    FROM rebuilt_difference AS b
    LEFT JOIN decided AS d ON b.id = d.run_id
    WHERE b.relation = 'batch'
    GROUP BY b.id
)

UPDATE staging.merge_run AS m
SET
    merged = c.merged,
    duplicate = c.duplicate,
    conflict = c.conflict,
    rejected = c.rejected
FROM counted AS c
WHERE m.run_id = c.run_id
