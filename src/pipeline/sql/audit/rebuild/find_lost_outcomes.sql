-- One row per raw row whose outcome was removed. A batch that counts more outcomes than it has, has lost some. Pending raw rows
-- that it can have taken fill its gaps, in the order of merging.
WITH decided AS (
    SELECT o.run_id
    FROM staging.outcome AS o
    UNION ALL
    SELECT h.run_id
    FROM staging.outcome_history AS h
    UNION ALL
    -- Outcomes of erased raw rows that were found already.
    SELECT l.run_id
    FROM lost_outcome AS l
),

decided_by_batch AS (
    SELECT
        d.run_id,
        count(*) AS outcomes
    FROM decided AS d
    GROUP BY d.run_id
),

gap AS (
    SELECT
        m.run_id,
        m.stream,
        m.finished_at,
        row_number() OVER (PARTITION BY m.stream ORDER BY m.run_id) AS place
    FROM staging.merge_run AS m
    LEFT JOIN decided_by_batch AS d ON m.run_id = d.run_id
    CROSS JOIN generate_series(1, m.merged + m.duplicate + m.conflict + m.rejected - coalesce(d.outcomes, 0)) AS missing (number)
),

pending_row AS (
    SELECT
        e.seq,
        e.stream,
        e.received_at,
        row_number() OVER (PARTITION BY e.stream ORDER BY e.seq) AS place
    FROM raw_row AS e
    WHERE
        NOT EXISTS (
            SELECT FROM staging.outcome AS o
            WHERE o.seq = e.seq AND o.received_at = coalesce(e.received_at, '-infinity')
        )
        -- A replay put these back to pending on purpose.
        AND NOT EXISTS (
            SELECT FROM staging.outcome_history AS h
            WHERE h.seq = e.seq
        )
)

INSERT INTO lost_outcome (run_id, seq, stream, received_at)
SELECT
    g.run_id,
    p.seq,
    p.stream,
    coalesce(p.received_at, '-infinity') AS received_at
FROM gap AS g
INNER JOIN pending_row AS p ON g.stream = p.stream AND g.place = p.place
WHERE p.received_at <= g.finished_at
