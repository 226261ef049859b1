-- One row: how many raw rows of the batch met which fate, how many windows they dirtied, and
-- how many were rejected for which reason.
-- No step is joined to another step: the planner can't know their sizes, and would loop through them.
-- (The linter takes parameters for columns.)
-- noqa: disable=RF02
WITH batch_row AS MATERIALIZED (
    SELECT
        r.seq,
        r.entity_id,
        r.code,
        r.price,
        r.patient_id,
        r.tsp,
        r.reason,
        coalesce(r.received_at, '-infinity') AS received_at
    FROM staging.claim_contract AS r
    WHERE
        r.seq BETWEEN %(low_seq)s AND %(high_seq)s
        AND (r.received_at BETWEEN %(first_at)s::timestamptz AND %(last_at)s::timestamptz OR r.received_at IS NULL)
        -- Ahead of the cursor all of them; behind it, those that were found to be pending.
        AND (r.seq > %(taken_seq)s OR r.seq = any(%(behind_seqs)s::bigint[]))
        -- What has an outcome all the same. No join: the planner takes a new stretch for empty, and would loop through it.
        AND r.seq <> all(%(decided_seqs)s::bigint[])
),

accepted_row AS (
    SELECT
        b.*,
        row_number() OVER same_id = 1 AS is_first,
        first_value(b.code) OVER same_id AS first_code,
        first_value(b.price) OVER same_id AS first_price,
        first_value(b.patient_id) OVER same_id AS first_patient_id
    FROM batch_row AS b
    WHERE b.reason IS NULL
    WINDOW same_id AS (PARTITION BY b.entity_id ORDER BY b.seq)
),

judged_row AS MATERIALIZED (
    SELECT
        a.seq,
        a.entity_id,
        a.code,
        a.price,
        a.patient_id,
        a.tsp,
        a.received_at,
        NULL AS reason,
        CASE
            WHEN earlier.id IS NULL AND a.is_first THEN 'merged'
            WHEN earlier.id IS NULL AND (a.code, a.price, a.patient_id) = (a.first_code, a.first_price, a.first_patient_id) THEN 'duplicate'
            WHEN (a.code, a.price, a.patient_id) = (earlier.code, earlier.price, earlier.patient_id) THEN 'duplicate'
            ELSE 'conflict'
        END AS fate
    FROM accepted_row AS a
    LEFT JOIN claim AS earlier ON a.entity_id = earlier.id
    UNION ALL
    SELECT
        b.seq,
        b.entity_id,
        b.code,
        b.price,
        b.patient_id,
        b.tsp,
        b.received_at,
        b.reason,
        'rejected' AS fate
    FROM batch_row AS b
    WHERE b.reason IS NOT NULL
),

inserted_row AS (
    INSERT INTO claim (id, code, price, patient_id, tsp)
    SELECT
        j.entity_id,
        j.code,
        j.price,
        j.patient_id,
        j.tsp
    FROM judged_row AS j
    WHERE j.fate = 'merged'
    ORDER BY j.entity_id
),

recorded_outcome AS (
    INSERT INTO staging.outcome (seq, stream, entity_id, fate, reason, run_id, received_at)
    SELECT
        j.seq,
        'claim' AS stream,
        j.entity_id,
        j.fate,
        j.reason,
        %(run_id)s::bigint AS run_id,
        j.received_at
    FROM judged_row AS j
    ORDER BY j.seq
    RETURNING fate, reason
),

rejected_by_reason AS (
    SELECT
        o.reason,
        count(*) AS rejected
    FROM recorded_outcome AS o
    WHERE o.fate = 'rejected'
    GROUP BY o.reason
),

dirtied_window AS (
    INSERT INTO analytics.dirty_window (window_start, run_id)
    SELECT DISTINCT
        analytics.window_start(j.tsp) AS window_start,
        %(run_id)s::bigint AS run_id
    FROM judged_row AS j
    WHERE j.fate = 'merged'
    ORDER BY window_start
    RETURNING window_start
)

SELECT
    count(*) FILTER (WHERE o.fate = 'merged') AS merged,
    count(*) FILTER (WHERE o.fate = 'duplicate') AS duplicate,
    count(*) FILTER (WHERE o.fate = 'conflict') AS conflict,
    count(*) FILTER (WHERE o.fate = 'rejected') AS rejected,
    (SELECT count(*) FROM dirtied_window) AS dirtied_windows,
    (SELECT coalesce(jsonb_object_agg(r.reason, r.rejected), '{}') FROM rejected_by_reason AS r) AS reasons
FROM recorded_outcome AS o
