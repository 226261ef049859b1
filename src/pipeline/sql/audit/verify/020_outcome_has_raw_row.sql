-- every raw row has one outcome at most, and every outcome belongs to exactly one raw row, of its stream and its time, or to an erased one
-- mended by: erased --reason TEXT, rebuild --apply
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
WITH checked_row AS (
    SELECT DISTINCT
        o.seq,
        o.received_at
    FROM staging.outcome AS o
    WHERE o.run_id >= %(first_run_id)s
),

outcome_by_row AS (
    SELECT
        o.seq,
        o.received_at,
        count(*) AS outcomes,
        min(o.stream) AS stream
    FROM checked_row AS c
    INNER JOIN staging.outcome AS o ON c.seq = o.seq AND c.received_at = o.received_at
    GROUP BY o.seq, o.received_at
),

row_in_staging AS (
    SELECT
        o.seq,
        o.received_at,
        o.stream,
        o.outcomes,
        count(e.seq) AS raw_rows
    FROM outcome_by_row AS o
    LEFT JOIN staging.event AS e
        ON
            o.seq = e.seq AND o.stream = e.stream
            AND staging.same_arrival(e.received_at, o.received_at)
    GROUP BY o.seq, o.received_at, o.stream, o.outcomes
),

-- An archived raw row is in one file. More than one would be as wrong as twice in staging.
archived_row AS (
    SELECT
        o.seq,
        o.received_at,
        count(DISTINCT a.file_name) AS raw_rows
    FROM staging.archived_day AS a
    -- By the bounds of seq an index finds the outcomes of a file.
    INNER JOIN staging.outcome AS o
        ON
            o.received_at >= coalesce(a.begins_at, '-infinity') AND a.ends_at > o.received_at
            AND o.seq >= lower(a.seqs) AND o.seq < upper(a.seqs) AND o.seq <@ a.seqs
    WHERE o.run_id >= %(first_run_id)s
    GROUP BY o.seq, o.received_at
)

SELECT
    s.seq,
    s.stream,
    s.outcomes,
    s.raw_rows + coalesce(a.raw_rows, 0) AS raw_rows
FROM row_in_staging AS s
LEFT JOIN archived_row AS a ON s.seq = a.seq AND s.received_at = a.received_at
LEFT JOIN staging.erasure AS x ON s.seq = x.seq AND s.received_at = x.received_at AND x.reason IS NOT NULL
-- The record of an erasure stands for the raw row, unless a backup has brought that back.
WHERE greatest(s.raw_rows + coalesce(a.raw_rows, 0), (x.seq IS NOT NULL)::integer) <> 1 OR s.outcomes <> 1
