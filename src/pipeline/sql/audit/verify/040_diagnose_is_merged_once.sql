-- every clean diagnose comes from exactly one merged raw row, and every accepted raw row has its clean diagnose
WITH checked_id AS (
    SELECT o.entity_id AS id
    FROM staging.outcome AS o
    WHERE o.run_id >= %(first_run_id)s AND o.stream = 'diagnose' AND o.fate <> 'rejected'
    UNION
    SELECT c.id
    FROM diagnose AS c
    WHERE c.tsp >= %(first_window)s
),

merged_row AS (
    SELECT
        o.entity_id,
        count(*) AS raw_rows
    FROM checked_id AS i
    INNER JOIN staging.outcome AS o ON i.id = o.entity_id
    WHERE o.stream = 'diagnose' AND o.fate = 'merged'
    GROUP BY o.entity_id
)

SELECT
    i.id,
    c.id IS NOT NULL AS is_clean,
    coalesce(m.raw_rows, 0) AS merged_raw_rows
FROM checked_id AS i
LEFT JOIN diagnose AS c ON i.id = c.id
LEFT JOIN merged_row AS m ON i.id = m.entity_id
WHERE c.id IS NULL OR m.raw_rows IS DISTINCT FROM 1
