-- One row per raw row whose outcome was removed, or changed so that it fits neither its raw row nor its batch. A batch that counts
-- more outcomes than it has, has lost some. Raw rows without an outcome that it can have taken fill its gaps, in the order of merging.
WITH newest_batch AS (
    SELECT max(m.run_id) AS run_id
    FROM staging.merge_run AS m
),

unmatched_outcome AS MATERIALIZED (
    SELECT
        o.seq,
        o.received_at
    FROM staging.outcome AS o
    WHERE
        NOT EXISTS (
            SELECT FROM raw_row AS e
            WHERE e.seq = o.seq AND o.received_at = coalesce(e.received_at, '-infinity') AND e.stream = o.stream
        )
),

-- Where its raw row is gone or its batch was removed, nothing says that an outcome is wrong.
misplaced_outcome AS MATERIALIZED (
    SELECT
        u.seq,
        u.received_at
    FROM unmatched_outcome AS u
    WHERE
        EXISTS (
            SELECT FROM raw_row AS e
            WHERE e.seq = u.seq
        )
    UNION
    SELECT
        o.seq,
        o.received_at
    FROM staging.outcome AS o
    CROSS JOIN newest_batch AS n
    LEFT JOIN staging.merge_run AS m ON o.run_id = m.run_id
    WHERE o.run_id > n.run_id OR m.stream <> o.stream
),

fitting_outcome AS MATERIALIZED (
    SELECT
        o.seq,
        o.received_at,
        o.run_id
    FROM staging.outcome AS o
    WHERE
        NOT EXISTS (
            SELECT FROM misplaced_outcome AS p
            WHERE p.seq = o.seq AND p.received_at = o.received_at
        )
),

decided AS (
    SELECT o.run_id
    FROM fitting_outcome AS o
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
            SELECT FROM fitting_outcome AS o
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
