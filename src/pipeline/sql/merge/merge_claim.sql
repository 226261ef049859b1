-- One row: how many raw rows of the batch met which fate, and how many windows they dirtied.
WITH batch_row AS MATERIALIZED (
    SELECT
        r.seq,
        r.entity_id,
        r.code,
        r.price,
        r.patient_id,
        r.tsp,
        r.reason
    FROM staging.claim_contract AS r
    WHERE
        r.xid BETWEEN %(low_xid)s::xid8 AND %(high_xid)s::xid8
        AND NOT EXISTS (
            SELECT FROM staging.outcome AS o
            WHERE o.seq = r.seq
        )
),

first_of_id AS MATERIALIZED (
    SELECT DISTINCT ON (b.entity_id)
        b.seq,
        b.entity_id,
        b.code,
        b.price,
        b.patient_id,
        b.tsp
    FROM batch_row AS b
    WHERE b.reason IS NULL
    ORDER BY b.entity_id, b.seq
),

merged_row AS (
    INSERT INTO claim (id, code, price, patient_id, tsp)
    SELECT
        f.entity_id,
        f.code,
        f.price,
        f.patient_id,
        f.tsp
    FROM first_of_id AS f
    ORDER BY f.entity_id
    ON CONFLICT (id) DO NOTHING
    RETURNING id, tsp
),

-- What stands in the clean layer for each id; merged_seq is set where it is of this batch.
clean_row AS (
    SELECT
        f.entity_id,
        f.seq AS merged_seq,
        f.code,
        f.price,
        f.patient_id
    FROM first_of_id AS f
    INNER JOIN merged_row AS m ON f.entity_id = m.id
    UNION ALL
    SELECT
        f.entity_id,
        NULL AS merged_seq,
        earlier.code,
        earlier.price,
        earlier.patient_id
    FROM first_of_id AS f
    INNER JOIN claim AS earlier ON f.entity_id = earlier.id
),

judged_row AS (
    SELECT
        b.seq,
        b.entity_id,
        b.reason,
        CASE
            WHEN b.reason IS NOT NULL THEN 'rejected'
            WHEN b.seq = c.merged_seq THEN 'merged'
            WHEN (b.code, b.price, b.patient_id) = (c.code, c.price, c.patient_id) THEN 'duplicate'
            ELSE 'conflict'
        END AS fate
    FROM batch_row AS b
    LEFT JOIN clean_row AS c ON b.entity_id = c.entity_id AND b.reason IS NULL
    -- A clean row that somebody inserted by hand a moment ago isn't seen yet: such a raw row stays pending for the sweep.
    WHERE b.reason IS NOT NULL OR c.entity_id IS NOT NULL
),

recorded_outcome AS (
    INSERT INTO staging.outcome (seq, stream, entity_id, fate, reason, run_id)
    SELECT
        j.seq,
        'claim' AS stream,
        j.entity_id,
        j.fate,
        j.reason,
        %(run_id)s::bigint AS run_id
    FROM judged_row AS j
    ORDER BY j.seq
    RETURNING fate
),

dirtied_window AS (
    INSERT INTO analytics.dirty_window (window_start, run_id)
    SELECT DISTINCT
        date_bin('10 minutes', m.tsp, timestamptz 'epoch') AS window_start,
        %(run_id)s::bigint AS run_id
    FROM merged_row AS m
    ORDER BY window_start
    RETURNING window_start
)

SELECT
    count(*) FILTER (WHERE o.fate = 'merged') AS merged,
    count(*) FILTER (WHERE o.fate = 'duplicate') AS duplicate,
    count(*) FILTER (WHERE o.fate = 'conflict') AS conflict,
    count(*) FILTER (WHERE o.fate = 'rejected') AS rejected,
    (SELECT count(*) FROM dirtied_window) AS dirtied_windows
FROM recorded_outcome AS o
