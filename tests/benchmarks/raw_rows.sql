-- Many raw rows of both streams, as the merge leaves them: of 1,000 rows, 10 rejected, 10 conflicts, 80 duplicates, and the last
-- 20 of all pending. An event a second; a tenth of the diagnoses is Amnesia, another one Asthma.
-- The rows are right as they stand: keys to other tables need no look-up each.
SET LOCAL session_replication_role = replica;

INSERT INTO staging.merge_run (stream, is_sweep, started_at, finished_at)
SELECT
    stream.name,
    false,
    timestamptz '2026-01-01 00:00:00+00' + batch.number * interval '200 seconds',
    timestamptz '2026-01-01 00:00:00+00' + batch.number * interval '200 seconds'
FROM generate_series(1, %(rows)s / 200 + 1) AS batch (number)
CROSS JOIN (VALUES ('claim'), ('diagnose')) AS stream (name)
ORDER BY batch.number, stream.name;

CREATE TEMPORARY TABLE made ON COMMIT DROP AS
WITH numbered AS (
    SELECT
        seq,
        (seq + 1) / 2 AS number,
        CASE mod(seq, 2) WHEN 1 THEN 'claim' ELSE 'diagnose' END AS stream,
        mod(seq * 7919, 1000) AS place,
        timestamptz '2026-01-01 00:00:00+00' + seq * interval '1 second' AS received_at
    FROM generate_series(1, %(rows)s::bigint) AS raw_row (seq)
),

fated AS (
    SELECT
        numbered.*,
        CASE
            WHEN seq > %(rows)s - 20 THEN 'pending'
            WHEN place < 10 THEN 'rejected'
            WHEN place < 20 THEN 'conflict'
            WHEN place < 100 THEN 'duplicate'
            ELSE 'merged'
        END AS fate
    FROM numbered
),

-- A repeat repeats the row before it, which by the numbers chosen is always a merged one.
identified AS (
    SELECT
        fated.*,
        CASE WHEN fate IN ('duplicate', 'conflict') THEN number - 1 ELSE number END AS entity_id,
        CASE WHEN fate = 'rejected' THEN (ARRAY['not_json', 'bad_price', 'unknown_patient'])[1 + mod(place, 3)] END AS reason
    FROM fated
)

SELECT
    identified.*,
    1 + mod(entity_id * 37, 1000) AS patient_id,
    10 + mod(entity_id, 90) AS price,
    CASE mod(entity_id * 37, 1000) / 100 WHEN 0 THEN 'R41.3' WHEN 1 THEN 'J44.9' ELSE 'I10' END AS icd10_code
FROM identified;

INSERT INTO staging.event (stream, payload, received_at)
SELECT
    stream,
    CASE
        WHEN reason = 'not_json' THEN '{"id": ' || entity_id
        WHEN stream = 'claim'
            THEN
                format(
                    '{"id": %%s, "patient_id": %%s, "code": "99213", "price": %%s}',
                    entity_id, patient_id, price + CASE fate WHEN 'conflict' THEN 1 ELSE 0 END
                )
        ELSE
            format(
                '{"id": %%s, "patient_id": %%s, "icd10_code": "%%s"}',
                entity_id, patient_id, CASE fate WHEN 'conflict' THEN 'I11' ELSE icd10_code END
            )
    END,
    received_at
FROM made
ORDER BY seq;

INSERT INTO staging.outcome (seq, stream, entity_id, fate, reason, run_id, received_at)
SELECT
    seq,
    stream,
    CASE WHEN reason = 'not_json' THEN NULL ELSE entity_id END,
    fate,
    reason,
    2 * (seq / 200) + CASE stream WHEN 'claim' THEN 1 ELSE 2 END,
    received_at
FROM made
WHERE fate <> 'pending'
ORDER BY seq;

INSERT INTO claim (id, code, price, patient_id, tsp)
SELECT
    entity_id,
    '99213',
    price,
    patient_id,
    received_at
FROM made
WHERE stream = 'claim' AND fate = 'merged'
ORDER BY entity_id;

INSERT INTO diagnose (id, icd10_code, patient_id, tsp)
SELECT
    entity_id,
    icd10_code,
    patient_id,
    received_at
FROM made
WHERE stream = 'diagnose' AND fate = 'merged'
ORDER BY entity_id;
