-- received = merged + duplicate + conflict + rejected + pending, for each stream
WITH received_by_stream AS (
    SELECT
        e.stream,
        count(*) AS received
    FROM staging.event AS e
    WHERE e.seq >= %(first_seq)s
    GROUP BY e.stream
),

pending_by_stream AS (
    SELECT
        e.stream,
        count(*) AS pending
    FROM staging.event AS e
    WHERE
        e.seq >= %(first_seq)s
        AND NOT EXISTS (
            SELECT FROM staging.outcome AS o
            WHERE o.seq = e.seq AND o.received_at = coalesce(e.received_at, '-infinity')
        )
    GROUP BY e.stream
),

outcome_by_stream AS (
    SELECT
        o.stream,
        count(*) AS taken
    FROM staging.outcome AS o
    WHERE o.seq >= %(first_seq)s
    GROUP BY o.stream
)

SELECT
    coalesce(r.stream, o.stream) AS stream,
    coalesce(r.received, 0) AS received,
    coalesce(o.taken, 0) + coalesce(p.pending, 0) AS accounted_for
FROM received_by_stream AS r
FULL JOIN outcome_by_stream AS o ON r.stream = o.stream
LEFT JOIN pending_by_stream AS p ON r.stream = p.stream
WHERE coalesce(r.received, 0) <> coalesce(o.taken, 0) + coalesce(p.pending, 0)
