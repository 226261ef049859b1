-- One row: how many rejected raw rows are archived, of one reason or of all.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
SELECT coalesce(sum(o.raw_rows), 0) AS raw_rows
FROM staging.archived_day AS a
CROSS JOIN LATERAL (
    SELECT count(*) AS raw_rows
    FROM staging.outcome AS taken
    WHERE
        taken.received_at >= coalesce(a.begins_at, '-infinity') AND taken.received_at < a.ends_at
        AND taken.seq <@ a.seqs
        AND taken.fate = 'rejected'
        AND (%(reason)s::text IS NULL OR taken.reason = %(reason)s)
) AS o
