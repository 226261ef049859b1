-- staging.awaited_patient: one row per raw row that is rejected because its patient is unknown. When the patient comes, the merge
-- takes the raw row again.
CREATE TABLE staging.awaited_patient (
    stream text NOT NULL,
    patient_id bigint NOT NULL,
    seq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (stream, patient_id, seq)
);

-- Each merge looks for some of these patients, from this one on.
ALTER TABLE staging.merge_cursor ADD COLUMN awaited_from bigint NOT NULL DEFAULT -9223372036854775808;

-- Archived raw rows can't be merged again. Of the others, the contract has found the patient_id to be an integer.
INSERT INTO staging.awaited_patient (stream, patient_id, seq, received_at)
SELECT
    o.stream,
    (e.payload::jsonb ->> 'patient_id')::bigint AS patient_id,
    o.seq,
    o.received_at
FROM staging.outcome AS o
INNER JOIN staging.event AS e
    ON
        o.seq = e.seq
        AND (o.received_at = e.received_at OR (e.received_at IS NULL AND o.received_at = '-infinity'))
WHERE o.reason = 'unknown_patient'
ON CONFLICT DO NOTHING;

-- The view is made again, with a column for it.
DROP VIEW IF EXISTS staging.merge_place;
