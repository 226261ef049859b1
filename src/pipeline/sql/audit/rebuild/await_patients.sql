-- One row per raw row that is rejected because its patient is unknown, and that was not waited for.
INSERT INTO staging.awaited_patient (stream, patient_id, seq, received_at)
SELECT
    o.stream,
    (e.payload::jsonb ->> 'patient_id')::bigint AS patient_id,
    o.seq,
    o.received_at
FROM staging.outcome AS o
INNER JOIN staging.event AS e ON o.seq = e.seq AND staging.same_arrival(e.received_at, o.received_at)
WHERE o.reason = 'unknown_patient'
ON CONFLICT DO NOTHING
