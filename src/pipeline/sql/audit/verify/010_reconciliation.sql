-- received = merged + duplicate + conflict + rejected + pending, for each stream
-- mended by: erased --reason TEXT, rebuild --apply
-- Both tables are bounded by the same times, so that the planner leaves out all days before the slice.
-- The linter takes the parameters for columns.
-- noqa: disable=RF02
WITH staged_row AS NOT MATERIALIZED (
    SELECT
        e.seq,
        e.stream,
        e.received_at
    FROM staging.event AS e
    WHERE
        e.seq BETWEEN %(first_seq)s AND %(last_seq)s
        AND (e.received_at >= %(received_from)s::timestamptz OR e.received_at = '-infinity' OR e.received_at IS NULL)
),

decided_row AS NOT MATERIALIZED (
    SELECT
        o.seq,
        o.stream,
        o.received_at
    FROM staging.outcome AS o
    WHERE
        o.seq BETWEEN %(first_seq)s AND %(last_seq)s
        AND (o.received_at >= %(received_from)s::timestamptz OR o.received_at = '-infinity')
),

received_by_stream AS (
    SELECT
        s.stream,
        count(*) AS received
    FROM staged_row AS s
    GROUP BY s.stream
),

pending_by_stream AS (
    SELECT
        s.stream,
        count(*) AS pending
    FROM staged_row AS s
    WHERE
        NOT EXISTS (
            SELECT FROM decided_row AS d
            WHERE d.seq = s.seq AND d.received_at = coalesce(s.received_at, '-infinity')
        )
    GROUP BY s.stream
),

-- An archived raw row counts by its outcome. Another promise says that each has one.
archived_by_stream AS (
    SELECT
        d.stream,
        count(*) AS archived
    FROM staging.archived_day AS a
    -- By the bounds of seq an index finds the outcomes of a file.
    INNER JOIN decided_row AS d
        ON
            d.received_at >= coalesce(a.begins_at, '-infinity') AND a.ends_at > d.received_at
            AND d.seq >= lower(a.seqs) AND d.seq < upper(a.seqs) AND d.seq <@ a.seqs
    WHERE upper(a.seqs) > %(first_seq)s
    GROUP BY d.stream
),

-- So does an erased one by its record.
erased_by_stream AS (
    SELECT
        x.stream,
        count(*) AS erased
    FROM staging.erasure AS x
    WHERE
        x.reason IS NOT NULL
        AND x.seq BETWEEN %(first_seq)s AND %(last_seq)s
        AND (x.received_at >= %(received_from)s::timestamptz OR x.received_at = '-infinity')
        AND NOT EXISTS (
            SELECT FROM staged_row AS s
            WHERE s.seq = x.seq AND staging.same_arrival(s.received_at, x.received_at)
        )
        AND NOT EXISTS (
            SELECT FROM staging.archived_day AS a
            WHERE x.received_at >= coalesce(a.begins_at, '-infinity') AND x.received_at < a.ends_at AND x.seq <@ a.seqs
        )
    GROUP BY x.stream
),

outcome_by_stream AS (
    SELECT
        d.stream,
        count(*) AS taken
    FROM decided_row AS d
    GROUP BY d.stream
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
