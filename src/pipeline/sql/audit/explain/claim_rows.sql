-- One row per raw row that carries the id, in the order of arrival: what came, typed, and what became of it.
-- Each row is looked up by a LATERAL step with LIMIT 1: joined, the planner could choose to read all of staging.
-- The linter would break the line before LATERAL, and takes the parameter for a column.
-- noqa: disable=LT02,RF02
WITH candidate_row AS (
    SELECT
        o.seq,
        o.received_at
    FROM staging.outcome AS o
    WHERE o.stream = 'claim' AND o.entity_id = %(id)s
    UNION
    -- Not merged yet. What carries the id has its digits in it, which is quicker to see than to parse.
    SELECT
        e.seq,
        coalesce(e.received_at, '-infinity') AS received_at
    FROM staging.event AS e
    WHERE
        e.stream = 'claim'
        AND e.seq > %(passed_seq)s
        AND (e.received_at >= %(pending_from)s::timestamptz OR e.received_at IS NULL)
        AND strpos(e.payload, (%(id)s)::text) > 0
)

SELECT
    k.seq,
    coalesce(e.received_at, f.received_at) AS received_at,
    e.payload,
    f.file_name AS archived_in,
    coalesce(o.fate, 'pending') AS fate,
    o.reason,
    o.run_id,
    o.merged_at,
    r.code,
    r.price,
    r.patient_id,
    r.tsp
FROM candidate_row AS k
LEFT JOIN LATERAL (
    SELECT
        raw.received_at,
        raw.payload
    FROM staging.event AS raw
    WHERE raw.seq = k.seq AND (raw.received_at = k.received_at OR (raw.received_at IS NULL AND k.received_at = '-infinity'))
    LIMIT 1
) AS e ON TRUE
LEFT JOIN LATERAL (
    SELECT
        a.file_name,
        k.received_at
    FROM staging.archived_day AS a
    WHERE k.received_at >= coalesce(a.begins_at, '-infinity') AND k.received_at < a.ends_at AND k.seq <@ a.seqs
    LIMIT 1
) AS f ON TRUE
LEFT JOIN LATERAL (
    SELECT
        typed.entity_id,
        typed.code,
        typed.price,
        typed.patient_id,
        typed.tsp
    FROM staging.claim_contract AS typed
    WHERE typed.seq = k.seq AND (typed.received_at = k.received_at OR (typed.received_at IS NULL AND k.received_at = '-infinity'))
    LIMIT 1
) AS r ON TRUE
LEFT JOIN LATERAL (
    SELECT
        taken.entity_id,
        taken.fate,
        taken.reason,
        taken.run_id,
        run.finished_at AS merged_at
    FROM staging.outcome AS taken
    INNER JOIN staging.merge_run AS run ON taken.run_id = run.run_id
    WHERE taken.seq = k.seq AND taken.received_at = k.received_at
    LIMIT 1
) AS o ON TRUE
WHERE coalesce(o.entity_id, r.entity_id) = %(id)s
ORDER BY k.seq
