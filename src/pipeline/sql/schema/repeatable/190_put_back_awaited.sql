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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- The planner can't know how few rows the steps have, and would read whole tables.
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
DECLARE
    awaited bigint[];
    beyond bigint;
    arrived record;
BEGIN
    -- One id after the other, each looked up in the index: a patient can have many rows. One more than asked for is the next start.
    WITH RECURSIVE awaited_patient AS (
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
        FROM awaited_patient AS w
        CROSS JOIN LATERAL (
            SELECT a.patient_id
            FROM staging.awaited_patient AS a
            WHERE a.stream = of_stream AND a.patient_id > w.patient_id
            ORDER BY a.patient_id
            LIMIT 1
        ) AS next
        WHERE w.place <= most_patients
    )

    SELECT
        array_agg(w.patient_id) FILTER (WHERE w.place <= most_patients),
        min(w.patient_id) FILTER (WHERE w.place > most_patients)
    INTO awaited, beyond
    FROM awaited_patient AS w;

    awaited := array(SELECT p.id FROM public.patient AS p WHERE p.id = any(awaited));

    SELECT
        count(*) >= most_rows AS has_more,
        array_agg(r.patient_id) AS patients,
        array_agg(r.seq) AS seqs,
        array_agg(r.received_at) AS times
    INTO arrived
    FROM (
        SELECT
            a.patient_id,
            a.seq,
            a.received_at
        FROM staging.awaited_patient AS a
        WHERE a.stream = of_stream AND a.patient_id = any(awaited)
        ORDER BY a.patient_id, a.seq
        LIMIT most_rows
    ) AS r;

    -- Rows that were replayed, archived or erased since are no longer waited for either.
    DELETE FROM staging.awaited_patient AS a
    USING unnest(arrived.patients, arrived.seqs) AS r (patient_id, seq)
    WHERE a.stream = of_stream AND a.patient_id = r.patient_id AND a.seq = r.seq;

    RETURN QUERY
    WITH put_back AS (
        DELETE FROM staging.outcome AS o
        USING unnest(arrived.seqs, arrived.times) AS r (seq, received_at)
        WHERE
            o.seq = r.seq
            AND o.received_at = r.received_at
            AND o.stream = of_stream
            AND o.reason = 'unknown_patient'
            -- An archived row can't be merged again. Reading the raw row also keeps it from being archived meanwhile.
            AND EXISTS (
                SELECT FROM staging.event AS e
                WHERE e.seq = o.seq AND staging.same_arrival(e.received_at, o.received_at)
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
    )

    SELECT
        min(b.seq),
        max(b.seq),
        min(b.received_at),
        max(b.received_at),
        count(b.seq),
        coalesce(array_agg(b.seq ORDER BY b.seq), '{}'),
        arrived.has_more,
        CASE WHEN arrived.has_more THEN from_patient ELSE coalesce(beyond, -9223372036854775808) END
    FROM put_back AS b;
END
$$;

COMMENT ON FUNCTION staging.put_back_awaited(text, bigint, bigint, bigint) IS
'One row: raw rows whose patient was unknown and is known by now; they are pending again, and their earlier outcomes are history.';

REVOKE EXECUTE ON FUNCTION staging.put_back_awaited(text, bigint, bigint, bigint) FROM public;
