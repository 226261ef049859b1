-- every raw row that was archived has its one outcome
-- mended by: rebuild --apply
WITH checked_file AS (
    SELECT
        a.file_name,
        a.raw_rows,
        a.seqs,
        coalesce(a.begins_at, '-infinity') AS begins_at,
        a.ends_at
    FROM staging.archived_day AS a
    WHERE a.archived_at >= %(published_since)s
),

outcome_by_file AS (
    SELECT
        c.file_name,
        count(*) AS outcomes
    FROM checked_file AS c
    -- By the bounds of seq an index finds the outcomes of a file.
    INNER JOIN staging.outcome AS o
        ON
            c.begins_at <= o.received_at AND c.ends_at > o.received_at
            AND o.seq >= lower(c.seqs) AND o.seq < upper(c.seqs) AND o.seq <@ c.seqs
    GROUP BY c.file_name
)

SELECT
    c.file_name,
    c.raw_rows,
    coalesce(o.outcomes, 0) AS outcomes
FROM checked_file AS c
LEFT JOIN outcome_by_file AS o ON c.file_name = o.file_name
WHERE c.raw_rows <> coalesce(o.outcomes, 0)
ORDER BY c.file_name
