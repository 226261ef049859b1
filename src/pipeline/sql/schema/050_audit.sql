-- The audit views: raw beside clean, for people.
CREATE SCHEMA IF NOT EXISTS audit;
COMMENT ON SCHEMA audit IS 'Raw rows beside clean rows, and why a raw row is not among them.';

DROP VIEW IF EXISTS audit.reconciliation;
DROP VIEW IF EXISTS audit.conflicts;
DROP VIEW IF EXISTS audit.rejected;
DROP VIEW IF EXISTS audit.raw_vs_clean;

CREATE VIEW audit.reconciliation AS
WITH received_by_stream AS (
    SELECT
        e.stream,
        count(*) AS received,
        count(*) FILTER (WHERE o.seq IS NULL) AS pending
    FROM staging.event AS e
    LEFT JOIN staging.outcome AS o ON e.seq = o.seq
    GROUP BY e.stream
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
        coalesce(r.received, 0) AS received,
        coalesce(o.merged, 0) AS merged,
        coalesce(o.duplicate, 0) AS duplicate,
        coalesce(o.conflict, 0) AS conflict,
        coalesce(o.rejected, 0) AS rejected,
        coalesce(r.pending, 0) AS pending
    FROM stream AS s
    LEFT JOIN received_by_stream AS r ON s.stream = r.stream
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
'One row per stream: received = merged + duplicate + conflict + rejected + pending, or balanced is false.';
COMMENT ON COLUMN audit.reconciliation.stream IS 'The stream.';
COMMENT ON COLUMN audit.reconciliation.received IS 'Raw rows in staging.';
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
    e.received_at,
    coalesce(e.payload, encode(e.payload_bytes, 'escape')) AS payload,
    coalesce(o.fate, 'pending') AS fate,
    o.reason,
    coalesce(c.id, d.id) AS clean_id,
    coalesce(c.patient_id, d.patient_id) AS clean_patient_id,
    c.code AS clean_code,
    c.price AS clean_price,
    d.icd10_code AS clean_icd10_code,
    coalesce(c.tsp, d.tsp) AS clean_tsp
FROM staging.event AS e
LEFT JOIN staging.outcome AS o ON e.seq = o.seq
LEFT JOIN claim AS c ON o.stream = 'claim' AND o.fate <> 'rejected' AND o.entity_id = c.id
LEFT JOIN diagnose AS d ON o.stream = 'diagnose' AND o.fate <> 'rejected' AND o.entity_id = d.id;

COMMENT ON VIEW audit.raw_vs_clean IS 'One row per raw row: what arrived, what became of it, and the clean row of its id beside it.';
COMMENT ON COLUMN audit.raw_vs_clean.seq IS 'The raw row.';
COMMENT ON COLUMN audit.raw_vs_clean.stream IS 'Its stream.';
COMMENT ON COLUMN audit.raw_vs_clean.received_at IS 'When it was received.';
COMMENT ON COLUMN audit.raw_vs_clean.payload IS 'What arrived; bytes that are no text are shown escaped.';
COMMENT ON COLUMN audit.raw_vs_clean.fate IS 'merged, duplicate, conflict, rejected or pending.';
COMMENT ON COLUMN audit.raw_vs_clean.reason IS 'Why it was rejected.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_id IS 'Id of the clean row.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_patient_id IS 'Patient of the clean row.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_code IS 'Procedure code of the clean claim.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_price IS 'Price of the clean claim.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_icd10_code IS 'Code of the clean diagnosis.';
COMMENT ON COLUMN audit.raw_vs_clean.clean_tsp IS 'Time of the clean row.';

CREATE VIEW audit.conflicts AS
WITH conflicting_row AS (
    SELECT
        o.seq,
        o.stream,
        o.entity_id,
        e.received_at,
        first.seq AS merged_seq,
        e.payload AS conflicting_payload,
        first_event.payload AS merged_payload
    FROM staging.outcome AS o
    INNER JOIN staging.event AS e ON o.seq = e.seq
    LEFT JOIN staging.outcome AS first ON o.stream = first.stream AND o.entity_id = first.entity_id AND first.fate = 'merged'
    LEFT JOIN staging.event AS first_event ON first.seq = first_event.seq
    WHERE o.fate = 'conflict'
)

SELECT
    r.seq,
    r.stream,
    r.entity_id,
    r.received_at,
    r.merged_seq,
    r.merged_payload,
    r.conflicting_payload,
    (
        SELECT string_agg(field.name, ', ' ORDER BY field.name)
        FROM (VALUES ('code'), ('price'), ('patient_id'), ('icd10_code')) AS field (name)
        WHERE
            r.merged_payload IS NOT NULL
            AND r.merged_payload::jsonb -> field.name IS DISTINCT FROM r.conflicting_payload::jsonb -> field.name
    ) AS differing_fields
FROM conflicting_row AS r;

COMMENT ON VIEW audit.conflicts IS
'One row per raw row that came with other content for an id already merged: both contents and the fields that differ.';
COMMENT ON COLUMN audit.conflicts.seq IS 'The raw row in conflict.';
COMMENT ON COLUMN audit.conflicts.stream IS 'Its stream.';
COMMENT ON COLUMN audit.conflicts.entity_id IS 'The id that both carry.';
COMMENT ON COLUMN audit.conflicts.received_at IS 'When the conflicting row was received.';
COMMENT ON COLUMN audit.conflicts.merged_seq IS 'The raw row that was merged; empty where the clean row did not come from staging.';
COMMENT ON COLUMN audit.conflicts.merged_payload IS 'What was merged.';
COMMENT ON COLUMN audit.conflicts.conflicting_payload IS 'What came later.';
COMMENT ON COLUMN audit.conflicts.differing_fields IS
'The contract''s fields in which the two differ; empty where the clean row did not come from staging.';

CREATE VIEW audit.rejected AS
SELECT
    o.reason,
    o.stream,
    o.seq,
    o.entity_id,
    e.received_at,
    coalesce(e.payload, encode(e.payload_bytes, 'escape')) AS payload
FROM staging.outcome AS o
INNER JOIN staging.event AS e ON o.seq = e.seq
WHERE o.fate = 'rejected';

COMMENT ON VIEW audit.rejected IS 'One row per rejected raw row, with the reason.';
COMMENT ON COLUMN audit.rejected.reason IS 'The rule of the contract that it breaks.';
COMMENT ON COLUMN audit.rejected.stream IS 'Its stream.';
COMMENT ON COLUMN audit.rejected.seq IS 'The raw row.';
COMMENT ON COLUMN audit.rejected.entity_id IS 'Its id, where it carries a valid one.';
COMMENT ON COLUMN audit.rejected.received_at IS 'When it was received.';
COMMENT ON COLUMN audit.rejected.payload IS 'What arrived.';
