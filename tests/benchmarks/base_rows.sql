-- One stream's raw rows of a range of numbers, as the merge leaves them: of 1,000 rows, 10 rejected, 10 conflicts, 80 duplicates.
-- Events from first_at on, all as far apart, every eleventh a diagnosis; a tenth of these is Amnesia, another one Asthma.
-- The rows are right as they stand: keys to other tables need no look-up each.
SET LOCAL session_replication_role = replica;
SET LOCAL synchronous_commit = off;

CREATE TEMPORARY TABLE made ON COMMIT DROP AS
WITH numbered AS (
    SELECT
        seq,
        CASE %(stream)s WHEN 'diagnose' THEN seq / 11 ELSE seq - seq / 11 END AS number,
        %(first_at)s::timestamptz + seq * %(apart)s AS received_at
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS raw_row (seq)
    WHERE (mod(seq, 11) = 0) = (%(stream)s = 'diagnose')
),

placed AS (
    SELECT
        numbered.*,
        mod(number * 7817, 1000) AS place
    FROM numbered
),

fated AS (
    SELECT
        placed.*,
        CASE
            WHEN place < 10 THEN 'rejected'
            WHEN place < 20 THEN 'conflict'
            WHEN place < 100 THEN 'duplicate'
            ELSE 'merged'
        END AS fate
    FROM placed
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

-- A batch of the merge for every 200 numbers.
INSERT INTO staging.merge_run (run_id, stream, is_sweep, merged, duplicate, conflict, rejected, earliest_at, started_at, finished_at)
OVERRIDING SYSTEM VALUE
SELECT
    2 * ((seq - 1) / 200) + CASE %(stream)s WHEN 'claim' THEN 1 ELSE 2 END AS run_id,
    %(stream)s AS stream,
    false AS is_sweep,
    count(*) FILTER (WHERE fate = 'merged') AS merged,
    count(*) FILTER (WHERE fate = 'duplicate') AS duplicate,
    count(*) FILTER (WHERE fate = 'conflict') AS conflict,
    count(*) FILTER (WHERE fate = 'rejected') AS rejected,
    min(received_at) AS earliest_at,
    max(received_at) AS started_at,
    max(received_at) AS finished_at
FROM made
GROUP BY 1
ORDER BY 1;

INSERT INTO staging.event (seq, stream, payload, received_at)
OVERRIDING SYSTEM VALUE
SELECT
    seq,
    %(stream)s AS stream,
    CASE
        WHEN reason = 'not_json' THEN '{"id": ' || entity_id
        WHEN %(stream)s = 'claim'
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
    END AS payload,
    received_at
FROM made
ORDER BY seq;

INSERT INTO staging.outcome (seq, stream, entity_id, fate, reason, run_id, received_at)
SELECT
    seq,
    %(stream)s AS stream,
    CASE WHEN reason = 'not_json' THEN NULL ELSE entity_id END AS entity_id,
    fate,
    reason,
    2 * ((seq - 1) / 200) + CASE %(stream)s WHEN 'claim' THEN 1 ELSE 2 END AS run_id,
    received_at
FROM made
ORDER BY seq;

INSERT INTO claim (id, code, price, patient_id, tsp)
SELECT
    entity_id,
    '99213' AS code,
    price,
    patient_id,
    received_at
FROM made
WHERE %(stream)s = 'claim' AND fate = 'merged'
ORDER BY entity_id;

INSERT INTO diagnose (id, icd10_code, patient_id, tsp)
SELECT
    entity_id,
    icd10_code,
    patient_id,
    received_at
FROM made
WHERE %(stream)s = 'diagnose' AND fate = 'merged'
ORDER BY entity_id;

UPDATE staging.merge_cursor AS c
SET
    taken_seq = greatest(c.taken_seq, made_now.last_seq),
    taken_at = greatest(c.taken_at, made_now.last_at),
    looked_seq = greatest(c.taken_seq, made_now.last_seq),
    looked_at = now(),
    merged = c.merged + made_now.merged,
    duplicate = c.duplicate + made_now.duplicate,
    conflict = c.conflict + made_now.conflict,
    rejected = c.rejected + made_now.rejected
FROM (
    SELECT
        count(*) FILTER (WHERE fate = 'merged') AS merged,
        count(*) FILTER (WHERE fate = 'duplicate') AS duplicate,
        count(*) FILTER (WHERE fate = 'conflict') AS conflict,
        count(*) FILTER (WHERE fate = 'rejected') AS rejected,
        max(seq) AS last_seq,
        max(received_at) AS last_at
    FROM made
) AS made_now
WHERE c.stream = %(stream)s
