-- One row: how many outcomes of the diagnose stream were derived anew, in the order of merging, and the place that was come to.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
WITH place_in_order AS (
    SELECT
        o.run_id,
        o.seq,
        o.received_at,
        o.reason
    FROM staging.outcome AS o
    WHERE
        o.stream = 'diagnose'
        AND (o.run_id, o.seq) > (%(after_run)s, %(after_seq)s)
        AND o.run_id <= %(through_run)s
    UNION ALL
    SELECT
        l.run_id,
        l.seq,
        l.received_at,
        NULL AS reason
    FROM lost_outcome AS l
    WHERE
        l.stream = 'diagnose'
        AND (l.run_id, l.seq) > (%(after_run)s, %(after_seq)s)
        AND l.run_id <= %(through_run)s
),

recorded_row AS MATERIALIZED (
    SELECT p.*
    FROM place_in_order AS p
    ORDER BY p.run_id, p.seq
    LIMIT %(batch_size)s
),

-- Where an outcome was doubled, the first one counts; where it was put back to pending since, the one that followed.
first_record AS (
    SELECT DISTINCT ON (r.seq)
        r.seq,
        r.received_at,
        r.run_id,
        r.reason
    FROM recorded_row AS r
    WHERE NOT EXISTS (
        SELECT FROM rebuilt_outcome AS done
        WHERE
            done.seq = r.seq
            AND NOT EXISTS (
                SELECT FROM staging.outcome_history AS h
                WHERE h.seq = done.seq AND h.run_id = done.run_id
            )
    )
    ORDER BY r.seq, r.run_id
),

-- The patient may have come since: that a raw row was of an unknown one is a matter of record.
typed_row AS MATERIALIZED (
    SELECT
        f.seq,
        f.received_at,
        f.run_id,
        typed.entity_id,
        typed.icd10_code,
        typed.patient_id,
        typed.tsp,
        coalesce(typed.reason, CASE WHEN f.reason = 'unknown_patient' THEN f.reason END) AS reason
    FROM first_record AS f
    LEFT JOIN staging.merge_run AS m ON f.run_id = m.run_id
    -- The rules are those of the contract that judged the batch, which later rules do not change.
    CROSS JOIN LATERAL (
        SELECT
            parsed.entity_id,
            parsed.icd10_code,
            parsed.patient_id,
            parsed.tsp,
            CASE WHEN parsed.reason IS NULL AND p.id IS NULL THEN 'unknown_patient' ELSE parsed.reason END AS reason
        FROM raw_row AS e
        CROSS JOIN LATERAL
            staging.parse_diagnose(e.payload, e.received_at, coalesce(m.contract, staging.contract_version())) AS parsed
        LEFT JOIN patient AS p ON parsed.patient_id = p.id
        WHERE e.seq = f.seq AND (e.received_at = f.received_at OR (e.received_at IS NULL AND f.received_at = '-infinity'))
        LIMIT 1
    ) AS typed
),

accepted_row AS (
    SELECT
        b.*,
        row_number() OVER same_id = 1 AS is_first,
        first_value(b.icd10_code) OVER same_id AS first_icd10_code,
        first_value(b.patient_id) OVER same_id AS first_patient_id
    FROM typed_row AS b
    WHERE b.reason IS NULL
    WINDOW same_id AS (PARTITION BY b.entity_id ORDER BY b.run_id, b.seq)
),

judged_row AS MATERIALIZED (
    SELECT
        a.seq,
        a.run_id,
        a.entity_id,
        a.icd10_code,
        a.patient_id,
        a.tsp,
        a.received_at,
        NULL AS reason,
        CASE
            WHEN earlier.id IS NULL AND a.is_first THEN 'merged'
            WHEN earlier.id IS NULL AND (a.icd10_code, a.patient_id) = (a.first_icd10_code, a.first_patient_id) THEN 'duplicate'
            WHEN (a.icd10_code, a.patient_id) = (earlier.icd10_code, earlier.patient_id) THEN 'duplicate'
            ELSE 'conflict'
        END AS fate
    FROM accepted_row AS a
    LEFT JOIN rebuilt_diagnose AS earlier ON a.entity_id = earlier.id
    UNION ALL
    SELECT
        b.seq,
        b.run_id,
        b.entity_id,
        b.icd10_code,
        b.patient_id,
        b.tsp,
        b.received_at,
        b.reason,
        'rejected' AS fate
    FROM typed_row AS b
    WHERE b.reason IS NOT NULL
),

inserted_row AS (
    INSERT INTO rebuilt_diagnose (id, icd10_code, patient_id, tsp)
    SELECT
        j.entity_id,
        j.icd10_code,
        j.patient_id,
        j.tsp
    FROM judged_row AS j
    WHERE j.fate = 'merged'
),

recorded_outcome AS (
    INSERT INTO rebuilt_outcome (seq, stream, entity_id, fate, reason, run_id, received_at)
    SELECT
        j.seq,
        'diagnose' AS stream,
        j.entity_id,
        j.fate,
        j.reason,
        j.run_id,
        j.received_at
    FROM judged_row AS j
    ON CONFLICT (seq) DO UPDATE
        SET
            entity_id = excluded.entity_id,
            fate = excluded.fate,
            reason = excluded.reason,
            run_id = excluded.run_id,
            received_at = excluded.received_at
),

last_row AS (
    SELECT
        r.run_id,
        r.seq
    FROM recorded_row AS r
    ORDER BY r.run_id DESC, r.seq DESC
    LIMIT 1
)

SELECT
    (SELECT count(*) FROM recorded_row) AS found,
    (SELECT l.run_id FROM last_row AS l) AS last_run,
    (SELECT l.seq FROM last_row AS l) AS last_seq
