-- every clean claim comes from exactly one merged raw row, and every merged raw row has its clean claim
WITH merged_row AS (
    SELECT
        o.entity_id,
        count(*) AS raw_rows
    FROM staging.outcome AS o
    WHERE o.stream = 'claim' AND o.fate = 'merged'
    GROUP BY o.entity_id
)

SELECT
    coalesce(c.id, m.entity_id) AS id,
    c.id IS NOT NULL AS is_clean,
    coalesce(m.raw_rows, 0) AS merged_raw_rows
FROM claim AS c
FULL JOIN merged_row AS m ON c.id = m.entity_id
WHERE c.id IS NULL OR m.raw_rows IS DISTINCT FROM 1
