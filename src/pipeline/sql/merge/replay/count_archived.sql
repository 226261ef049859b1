-- One row: how many rejected raw rows are archived, of one reason or of all. (The linter takes the parameter for a column.)
-- noqa: disable=RF02
SELECT count(*) AS raw_rows
FROM staging.archived_day AS a
INNER JOIN staging.outcome AS o
    ON
        o.received_at >= coalesce(a.begins_at, '-infinity') AND a.ends_at > o.received_at
        AND o.seq >= lower(a.seqs) AND o.seq < upper(a.seqs) AND o.seq <@ a.seqs
WHERE o.fate = 'rejected' AND (%(reason)s::text IS NULL OR o.reason = %(reason)s)
