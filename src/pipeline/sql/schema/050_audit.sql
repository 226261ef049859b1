-- The audit views: raw beside clean, for people, who look at them in Adminer.
-- Adminer asks for 50 rows, in the view's own order where nobody chose another, and filters on columns: one that is passed on as
-- it is finds its index.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
CREATE SCHEMA IF NOT EXISTS audit;
COMMENT ON SCHEMA audit IS 'Raw rows beside clean rows, why a raw row is not among them, and what the figures are made of.';

DROP VIEW IF EXISTS audit.reconciliation;
DROP VIEW IF EXISTS audit.conflicts;
DROP VIEW IF EXISTS audit.rejected;
DROP VIEW IF EXISTS audit.raw_vs_clean;
DROP VIEW IF EXISTS audit.replayed;
DROP VIEW IF EXISTS audit.archived;

CREATE VIEW audit.reconciliation AS
WITH received_by_stream AS (
    SELECT
        e.stream,
        count(*) AS received,
        count(*) FILTER (WHERE o.seq IS NULL) AS pending
    FROM staging.event AS e
    LEFT JOIN staging.outcome AS o ON e.seq = o.seq AND o.received_at = coalesce(e.received_at, '-infinity')
    GROUP BY e.stream
),

-- A raw row that is archived, and so no longer in staging, counts by its outcome.
archived_by_stream AS (
    SELECT
        o.stream,
        count(*) AS archived
    FROM staging.archived_day AS a
    CROSS JOIN LATERAL (
        -- A fence: a day at a time, whose outcomes are in a partition of their own.
        SELECT taken.stream
        FROM staging.outcome AS taken
        WHERE taken.received_at >= coalesce(a.begins_at, '-infinity') AND taken.received_at < a.ends_at AND taken.seq <@ a.seqs
        OFFSET 0
    ) AS o
    GROUP BY o.stream
),

outcome_by_stream AS (
    SELECT
        o.stream,
        count(*) FILTER (WHERE o.fate = 'merged') AS merged,
        count(*) FILTER (WHERE o.fate = 'duplicate') AS duplicate,
        count(*) FILTER (WHERE o.fate = 'conflict') AS conflict,
        count(*) FILTER (WHERE o.fate = 'rejected') AS rejected
    FROM staging.outcome AS o
    GROUP BY o.stream
),

-- Every stream that is merged, and any that somebody appended under another name.
stream AS (
    SELECT c.stream
    FROM staging.merge_cursor AS c
    UNION
    SELECT r.stream
    FROM received_by_stream AS r
),

counted AS (
    SELECT
        s.stream,
        coalesce(r.received, 0) + coalesce(a.archived, 0) AS received,
        coalesce(o.merged, 0) AS merged,
        coalesce(o.duplicate, 0) AS duplicate,
        coalesce(o.conflict, 0) AS conflict,
        coalesce(o.rejected, 0) AS rejected,
        coalesce(r.pending, 0) AS pending
    FROM stream AS s
    LEFT JOIN received_by_stream AS r ON s.stream = r.stream
    LEFT JOIN archived_by_stream AS a ON s.stream = a.stream
    LEFT JOIN outcome_by_stream AS o ON s.stream = o.stream
)

SELECT
    counted.stream,
    counted.received,
    counted.merged,
    counted.duplicate,
    counted.conflict,
    counted.rejected,
    counted.pending,
    counted.received
    = counted.merged + counted.duplicate + counted.conflict + counted.rejected + counted.pending AS balanced
FROM counted
ORDER BY counted.stream;

COMMENT ON VIEW audit.reconciliation IS
'One row per stream, counted anew: received = merged + duplicate + conflict + rejected + pending, or balanced is false.';
COMMENT ON COLUMN audit.reconciliation.stream IS 'The stream.';
COMMENT ON COLUMN audit.reconciliation.received IS 'Raw rows in staging, and those archived from it.';
COMMENT ON COLUMN audit.reconciliation.merged IS 'Of these, merged into the clean table.';
COMMENT ON COLUMN audit.reconciliation.duplicate IS 'Of these, repeats of an id with the same content.';
COMMENT ON COLUMN audit.reconciliation.conflict IS 'Of these, repeats of an id with other content.';
COMMENT ON COLUMN audit.reconciliation.rejected IS 'Of these, against the contract.';
COMMENT ON COLUMN audit.reconciliation.pending IS 'Of these, not yet merged.';
COMMENT ON COLUMN audit.reconciliation.balanced IS 'Whether the sum comes out.';

CREATE VIEW audit.raw_vs_clean AS
SELECT
    e.seq,
    e.stream,
    o.entity_id,
    coalesce(o.fate, 'pending') AS fate,
    CASE coalesce(o.fate, 'pending')
        WHEN 'merged' THEN 'became the clean row'
        WHEN 'duplicate' THEN 'says the same as the clean row'
        WHEN 'conflict' THEN 'says otherwise than the clean row, which stays'
        WHEN 'pending' THEN 'waits to be merged'
        ELSE
            (
                SELECT w.meaning
                FROM staging.reject_reason AS w
                WHERE w.reason = o.reason
            )
    END AS in_words,
    coalesce(e.payload, encode(e.payload_bytes, 'escape')) AS payload,
    c.code AS clean_code,
    c.price AS clean_price,
    d.icd10_code AS clean_icd10_code,
    coalesce(c.patient_id, d.patient_id) AS clean_patient_id,
    coalesce(c.tsp, d.tsp) AS clean_tsp,
    coalesce(c.id, d.id) AS clean_id,
    e.received_at,
    o.reason,
    o.run_id
FROM staging.event AS e
LEFT JOIN staging.outcome AS o ON e.seq = o.seq AND o.received_at = coalesce(e.received_at, '-infinity')
LEFT JOIN claim AS c ON o.stream = 'claim' AND o.fate <> 'rejected' AND o.entity_id = c.id
LEFT JOIN diagnose AS d ON o.stream = 'diagnose' AND o.fate <> 'rejected' AND o.entity_id = d.id
ORDER BY e.seq DESC;

COMMENT ON VIEW audit.raw_vs_clean IS
'One row per raw row in staging, the newest first: what arrived, what became of it, and the clean row of its id beside it.';
COMMENT ON COLUMN audit.raw_vs_clean.seq IS
'The raw row''s number, in the order of writing. For older ones filter (<=) rather than sort: sorting reads every raw row.';
COMMENT ON COLUMN audit.raw_vs_clean.stream IS 'The stream it came from: claim or diagnose.';
COMMENT ON COLUMN audit.raw_vs_clean.entity_id IS 'The id it carries, where it is a valid one; empty while it is pending. A filter on it is quick.';
COMMENT ON COLUMN audit.raw_vs_clean.fate IS
'merged, duplicate, conflict, rejected or pending. For rare ones look at audit.conflicts and audit.rejected, which find them at once.';
COMMENT ON COLUMN audit.raw_vs_clean.in_words IS 'What became of it, in words; for a rejected one, which rule of the contract it breaks.';
COMMENT ON COLUMN audit.raw_vs_clean.payload IS
'What arrived; bytes that are no text are shown escaped. A search in it reads every raw row.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_code IS 'Procedure code of the clean claim.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_price IS 'Price of the clean claim.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_icd10_code IS 'Code of the clean diagnosis.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_patient_id IS 'Patient of the clean row.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_tsp IS 'Time of the clean row.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_id IS 'Id of the clean row; empty where there is none.';
COMMENT ON COLUMN audit.raw_vs_clean.received_at IS 'When the raw row was received.';
COMMENT ON COLUMN audit.raw_vs_clean.reason IS 'Why it was rejected: the reason''s code.';
COMMENT ON COLUMN audit.raw_vs_clean.run_id IS 'The batch of the merge that decided.';

CREATE VIEW audit.conflicts AS
SELECT
    o.seq,
    o.stream,
    o.entity_id,
    difference.differing_fields,
    difference.clean_values,
    difference.conflicting_values,
    e.payload AS conflicting_payload,
    first.payload AS merged_payload,
    nullif(o.received_at, '-infinity') AS received_at,
    first.seq AS merged_seq,
    o.run_id
FROM staging.outcome AS o
-- Each is looked up by a step with LIMIT 1: joined, the planner could choose to read all of staging.
LEFT JOIN LATERAL (
    SELECT raw.*
    FROM staging.event AS raw
    WHERE raw.seq = o.seq AND (raw.received_at = o.received_at OR (raw.received_at IS NULL AND o.received_at = '-infinity'))
    LIMIT 1
) AS e ON TRUE
LEFT JOIN LATERAL (
    SELECT
        merged.seq,
        merged_event.payload
    FROM staging.outcome AS merged
    LEFT JOIN staging.event AS merged_event
        ON
            merged.seq = merged_event.seq
            AND (merged.received_at = merged_event.received_at OR (merged.received_at = '-infinity' AND merged_event.received_at IS NULL))
    WHERE merged.stream = o.stream AND merged.entity_id = o.entity_id AND merged.fate = 'merged'
    LIMIT 1
) AS first ON TRUE
LEFT JOIN LATERAL (
    SELECT clean.*
    FROM claim AS clean
    WHERE clean.id = o.entity_id AND o.stream = 'claim'
    LIMIT 1
) AS c ON TRUE
LEFT JOIN LATERAL (
    SELECT clean.*
    FROM diagnose AS clean
    WHERE clean.id = o.entity_id AND o.stream = 'diagnose'
    LIMIT 1
) AS d ON TRUE
-- The contract's fields of both; those that a stream doesn't have are null on both sides.
CROSS JOIN LATERAL (
    SELECT
        string_agg(field.name, ', ') AS differing_fields,
        string_agg(field.clean #>> '{}', ', ') AS clean_values,
        string_agg(field.conflicting #>> '{}', ', ') AS conflicting_values
    FROM (
        VALUES
        ('code', to_jsonb(c.code), e.payload::jsonb -> 'code'),
        ('price', to_jsonb(c.price), e.payload::jsonb -> 'price'),
        ('icd10_code', to_jsonb(d.icd10_code), e.payload::jsonb -> 'icd10_code'),
        ('patient_id', to_jsonb(coalesce(c.patient_id, d.patient_id)), e.payload::jsonb -> 'patient_id')
    ) AS field (name, clean, conflicting)
    WHERE field.clean <> field.conflicting
) AS difference
WHERE o.fate = 'conflict'
ORDER BY o.seq DESC;

COMMENT ON VIEW audit.conflicts IS
'One row per raw row that came with other content for an id already merged, the newest first: what differs, and both contents.';
COMMENT ON COLUMN audit.conflicts.seq IS 'The raw row in conflict.';
COMMENT ON COLUMN audit.conflicts.stream IS 'Its stream.';
COMMENT ON COLUMN audit.conflicts.entity_id IS 'The id that both carry.';
COMMENT ON COLUMN audit.conflicts.differing_fields IS 'The contract''s fields in which it differs from the clean row.';
COMMENT ON COLUMN audit.conflicts.clean_values IS 'What the clean row says in these fields, in the same order.';
COMMENT ON COLUMN audit.conflicts.conflicting_values IS 'What the conflicting row says in these fields, in the same order.';
COMMENT ON COLUMN audit.conflicts.conflicting_payload IS 'What came later; empty where its day is in audit.archived, as are the fields then.';
COMMENT ON COLUMN audit.conflicts.merged_payload IS
'What was merged; empty where the clean row did not come from staging, or its day is in audit.archived.';
COMMENT ON COLUMN audit.conflicts.received_at IS 'When the conflicting row was received.';
COMMENT ON COLUMN audit.conflicts.merged_seq IS 'The raw row that was merged; empty where the clean row did not come from staging.';
COMMENT ON COLUMN audit.conflicts.run_id IS 'The batch of the merge that decided.';

CREATE VIEW audit.rejected AS
SELECT
    o.seq,
    o.stream,
    o.entity_id,
    o.reason,
    (
        SELECT w.meaning
        FROM staging.reject_reason AS w
        WHERE w.reason = o.reason
    ) AS in_words,
    coalesce(e.payload, encode(e.payload_bytes, 'escape')) AS payload,
    nullif(o.received_at, '-infinity') AS received_at,
    o.run_id
FROM staging.outcome AS o
LEFT JOIN LATERAL (
    SELECT raw.*
    FROM staging.event AS raw
    WHERE raw.seq = o.seq AND (raw.received_at = o.received_at OR (raw.received_at IS NULL AND o.received_at = '-infinity'))
    LIMIT 1
) AS e ON TRUE
WHERE o.fate = 'rejected'
ORDER BY o.seq DESC;

COMMENT ON VIEW audit.rejected IS
'One row per rejected raw row, the newest first, with the rule of the contract that it breaks.';
COMMENT ON COLUMN audit.rejected.seq IS 'The raw row.';
COMMENT ON COLUMN audit.rejected.stream IS 'Its stream.';
COMMENT ON COLUMN audit.rejected.entity_id IS 'Its id, where it carries a valid one.';
COMMENT ON COLUMN audit.rejected.reason IS 'The reason''s code.';
COMMENT ON COLUMN audit.rejected.in_words IS 'The same in words: the rule of the contract that it breaks.';
COMMENT ON COLUMN audit.rejected.payload IS
'What arrived; bytes that are no text are shown escaped. Empty where its day is in audit.archived.';
COMMENT ON COLUMN audit.rejected.received_at IS 'When it was received.';
COMMENT ON COLUMN audit.rejected.run_id IS 'The batch of the merge that decided.';

CREATE VIEW audit.replayed AS
SELECT
    h.seq,
    h.stream,
    h.entity_id,
    h.fate AS earlier_fate,
    (
        SELECT w.meaning
        FROM staging.reject_reason AS w
        WHERE w.reason = h.reason
    ) AS in_words,
    h.replayed_at,
    coalesce(o.fate, 'pending') AS fate_now,
    h.reason,
    h.run_id
FROM staging.outcome_history AS h
LEFT JOIN LATERAL (
    SELECT now.fate
    FROM staging.outcome AS now
    WHERE now.seq = h.seq
    LIMIT 1
) AS o ON TRUE
ORDER BY h.seq DESC, h.run_id DESC;

COMMENT ON VIEW audit.replayed IS
'One row per earlier outcome of a raw row that was put back to be merged again, the newest raw row first.';
COMMENT ON COLUMN audit.replayed.seq IS 'The raw row.';
COMMENT ON COLUMN audit.replayed.stream IS 'Its stream.';
COMMENT ON COLUMN audit.replayed.entity_id IS 'Its id, where it carries a valid one.';
COMMENT ON COLUMN audit.replayed.earlier_fate IS 'What had become of it.';
COMMENT ON COLUMN audit.replayed.in_words IS 'Why it was rejected then, in words.';
COMMENT ON COLUMN audit.replayed.replayed_at IS 'When it was put back.';
COMMENT ON COLUMN audit.replayed.fate_now IS 'What has become of it since.';
COMMENT ON COLUMN audit.replayed.reason IS 'The reason''s code.';
COMMENT ON COLUMN audit.replayed.run_id IS 'The batch of the merge that decided then.';

CREATE VIEW audit.archived AS
SELECT
    a.begins_at,
    a.ends_at,
    lower(a.seqs) AS first_seq,
    upper(a.seqs) - 1 AS last_seq,
    a.raw_rows,
    a.file_name,
    a.file_bytes,
    a.sha256,
    a.archived_at
FROM staging.archived_day AS a
ORDER BY a.ends_at DESC, a.archived_at DESC;

COMMENT ON VIEW audit.archived IS
'One row per file of raw rows that are no longer in staging, the newest day first. What became of them is here as before.';
COMMENT ON COLUMN audit.archived.begins_at IS 'Start of the day that they were received on; empty where they are of all days before ends_at.';
COMMENT ON COLUMN audit.archived.ends_at IS 'End, exclusive, of that day.';
COMMENT ON COLUMN audit.archived.first_seq IS 'The lowest of their numbers; some between it and the highest can be elsewhere.';
COMMENT ON COLUMN audit.archived.last_seq IS 'The highest of their numbers.';
COMMENT ON COLUMN audit.archived.raw_rows IS 'How many they are.';
COMMENT ON COLUMN audit.archived.file_name IS 'The file that holds them.';
COMMENT ON COLUMN audit.archived.file_bytes IS 'Its size in bytes.';
COMMENT ON COLUMN audit.archived.sha256 IS 'Its SHA-256, in hex.';
COMMENT ON COLUMN audit.archived.archived_at IS 'When they were dropped from staging.';
