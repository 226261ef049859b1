-- staging.put_back_awaited: one row per call: raw rows that were rejected because their patient was unknown, and whose patient is in
-- the table by now, are put back to pending; their earlier outcomes become history. It looks at so many patients at most, from one
-- on, and next_patient says where the next call goes on. It runs as the owner, because the merge may not delete outcomes.
CREATE OR REPLACE FUNCTION staging.put_back_awaited(
    of_stream text, from_patient bigint, most_patients bigint, most_rows bigint
)
RETURNS TABLE (
    low_seq bigint,
    high_seq bigint,
    first_at timestamptz,
    last_at timestamptz,
    found bigint,
    seqs bigint[],
    has_more boolean,
    next_patient bigint
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- The planner can't know how few rows the steps have, and would read whole tables.
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
-- One id after the other, each looked up in the index: a patient can have many rows. One more than asked for is the next start.
WITH RECURSIVE awaited AS (
    (
        SELECT
            a.patient_id,
            1 AS place
        FROM staging.awaited_patient AS a
        WHERE a.stream = of_stream AND a.patient_id >= from_patient
        ORDER BY a.patient_id
        LIMIT 1
    )
    UNION ALL
    SELECT
        next.patient_id,
        w.place + 1
    FROM awaited AS w
    CROSS JOIN LATERAL (
        SELECT a.patient_id
        FROM staging.awaited_patient AS a
        WHERE a.stream = of_stream AND a.patient_id > w.patient_id
        ORDER BY a.patient_id
        LIMIT 1
    ) AS next
    WHERE w.place <= most_patients
),

arrived_row AS MATERIALIZED (
    SELECT
        a.patient_id,
        a.seq,
        a.received_at
    FROM awaited AS w
    INNER JOIN public.patient AS p ON w.patient_id = p.id
    CROSS JOIN LATERAL (
        SELECT *
        FROM staging.awaited_patient AS each_row
        WHERE each_row.stream = of_stream AND each_row.patient_id = w.patient_id
        ORDER BY each_row.seq
        LIMIT most_rows
    ) AS a
    WHERE w.place <= most_patients
    LIMIT most_rows
),

-- Rows that were replayed, archived or erased since are no longer waited for either.
forgotten AS (
    DELETE FROM staging.awaited_patient AS a
    USING arrived_row AS r
    WHERE a.stream = of_stream AND a.patient_id = r.patient_id AND a.seq = r.seq
),

put_back AS (
    DELETE FROM staging.outcome AS o
    USING arrived_row AS r
    WHERE
        o.seq = r.seq
        AND o.received_at = r.received_at
        AND o.stream = of_stream
        AND o.reason = 'unknown_patient'
        -- An archived row can't be merged again. Reading the raw row also keeps it from being archived meanwhile.
        AND EXISTS (
            SELECT FROM staging.event AS e
            WHERE e.seq = r.seq AND staging.same_arrival(e.received_at, r.received_at)
        )
    RETURNING o.seq, o.stream, o.entity_id, o.fate, o.reason, o.run_id, o.received_at
),

kept_outcome AS (
    INSERT INTO staging.outcome_history (seq, stream, entity_id, fate, reason, run_id)
    SELECT
        b.seq,
        b.stream,
        b.entity_id,
        b.fate,
        b.reason,
        b.run_id
    FROM put_back AS b
    ORDER BY b.seq
),

reached AS (
    SELECT
        (SELECT count(*) FROM arrived_row) >= most_rows AS has_more,
        (
            SELECT w.patient_id
            FROM awaited AS w
            WHERE w.place > most_patients
        ) AS next_patient
)

SELECT
    min(b.seq),
    max(b.seq),
    min(b.received_at),
    max(b.received_at),
    count(b.seq),
    coalesce(array_agg(b.seq) FILTER (WHERE b.seq IS NOT NULL), '{}'),
    r.has_more,
    CASE WHEN r.has_more THEN from_patient ELSE coalesce(r.next_patient, -9223372036854775808) END
FROM reached AS r
LEFT JOIN put_back AS b ON TRUE
GROUP BY r.has_more, r.next_patient
$$;

COMMENT ON FUNCTION staging.put_back_awaited(text, bigint, bigint, bigint) IS
'One row: raw rows whose patient was unknown and is known by now; they are pending again, and their earlier outcomes are history.';

REVOKE EXECUTE ON FUNCTION staging.put_back_awaited(text, bigint, bigint, bigint) FROM public;
