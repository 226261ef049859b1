-- received = merged + duplicate + conflict + rejected + pending, for each stream
-- mended by: erased --reason TEXT, rebuild --apply
-- The linter takes the parameters for columns.
-- noqa: disable=RF02
WITH received_by_stream AS (
    SELECT
        e.stream,
        count(*) AS received
    FROM staging.event AS e
    WHERE e.seq BETWEEN %(first_seq)s AND %(last_seq)s
    GROUP BY e.stream
),

pending_by_stream AS (
    SELECT
        p.stream,
        count(*) AS pending
    FROM staging.pending_row AS p
    WHERE p.seq BETWEEN %(first_seq)s AND %(last_seq)s
    GROUP BY p.stream
),

-- An archived raw row counts by its outcome. Another promise says that each has one.
archived_by_stream AS (
    SELECT
        o.stream,
        count(*) AS archived
    FROM staging.archived_day AS a
    -- By the bounds of seq an index finds the outcomes of a file.
    INNER JOIN staging.outcome AS o
        ON
            o.received_at >= coalesce(a.begins_at, '-infinity') AND a.ends_at > o.received_at
            AND o.seq >= lower(a.seqs) AND o.seq < upper(a.seqs) AND o.seq <@ a.seqs
    WHERE upper(a.seqs) > %(first_seq)s AND o.seq BETWEEN %(first_seq)s AND %(last_seq)s
    GROUP BY o.stream
),

-- So does an erased one by its record.
erased_by_stream AS (
    SELECT
        g.stream,
        count(*) AS erased
    FROM staging.gone_row AS g
    WHERE g.is_recorded AND g.seq BETWEEN %(first_seq)s AND %(last_seq)s
    GROUP BY g.stream
),

outcome_by_stream AS (
    SELECT
        o.stream,
        count(*) AS taken
    FROM staging.outcome AS o
    WHERE o.seq BETWEEN %(first_seq)s AND %(last_seq)s
    GROUP BY o.stream
)

SELECT
    coalesce(r.stream, o.stream) AS stream,
    coalesce(r.received, 0) + coalesce(a.archived, 0) + coalesce(x.erased, 0) AS received,
    coalesce(o.taken, 0) + coalesce(p.pending, 0) AS accounted_for
FROM received_by_stream AS r
FULL JOIN outcome_by_stream AS o ON r.stream = o.stream
LEFT JOIN pending_by_stream AS p ON r.stream = p.stream
LEFT JOIN archived_by_stream AS a ON o.stream = a.stream
LEFT JOIN erased_by_stream AS x ON coalesce(r.stream, o.stream) = x.stream
WHERE
    coalesce(r.received, 0) + coalesce(a.archived, 0) + coalesce(x.erased, 0)
    <> coalesce(o.taken, 0) + coalesce(p.pending, 0)
