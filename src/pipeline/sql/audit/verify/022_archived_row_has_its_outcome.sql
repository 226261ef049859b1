-- every raw row that was archived has its one outcome
-- mended by: rebuild --apply
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
WITH checked_file AS (
    SELECT
        a.file_name,
        a.raw_rows,
        a.seqs,
        coalesce(a.begins_at, '-infinity') AS begins_at,
        a.ends_at
    FROM staging.archived_day AS a
    WHERE a.archived_at >= %(published_since)s
)

SELECT
    c.file_name,
    c.raw_rows,
    o.outcomes
FROM checked_file AS c
CROSS JOIN LATERAL (
    SELECT count(*) AS outcomes
    FROM staging.outcome AS taken
    WHERE taken.received_at >= c.begins_at AND taken.received_at < c.ends_at AND taken.seq <@ c.seqs
) AS o
WHERE c.raw_rows <> o.outcomes
ORDER BY c.file_name
