-- The merge's own records: a row per batch, a row per stream, a row per raw row.
CREATE TABLE IF NOT EXISTS staging.merge_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    is_sweep boolean NOT NULL,
    merged bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    conflict bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    dirtied_windows bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    finished_at timestamptz
);

COMMENT ON TABLE staging.merge_run IS 'One row per batch of the merge; a batch is one transaction.';
COMMENT ON COLUMN staging.merge_run.run_id IS 'Number of the batch: the order in which batches of a stream were merged.';
COMMENT ON COLUMN staging.merge_run.stream IS 'The stream that was merged.';
COMMENT ON COLUMN staging.merge_run.is_sweep IS 'Whether it looked for raw rows without an outcome, instead of following the cursor.';
COMMENT ON COLUMN staging.merge_run.merged IS 'Raw rows that became a clean row.';
COMMENT ON COLUMN staging.merge_run.duplicate IS 'Raw rows that repeat the content of an id already merged.';
COMMENT ON COLUMN staging.merge_run.conflict IS 'Raw rows that come with other content for an id already merged.';
COMMENT ON COLUMN staging.merge_run.rejected IS 'Raw rows that break the contract.';
COMMENT ON COLUMN staging.merge_run.dirtied_windows IS 'Windows that are to be computed again because of this batch.';
COMMENT ON COLUMN staging.merge_run.started_at IS 'When the batch''s transaction began.';
COMMENT ON COLUMN staging.merge_run.finished_at IS 'When the batch was merged.';

CREATE TABLE IF NOT EXISTS staging.merge_cursor (
    stream text PRIMARY KEY,
    taken_seq bigint NOT NULL DEFAULT 0,
    taken_at timestamptz NOT NULL DEFAULT '-infinity',
    looked_xid xid8 NOT NULL DEFAULT '0',
    passed_seq bigint NOT NULL DEFAULT 0,
    passed_at timestamptz NOT NULL DEFAULT '-infinity',
    next_passed_seq bigint NOT NULL DEFAULT 0,
    next_passed_xid xid8,
    merged bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    conflict bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0
);

INSERT INTO staging.merge_cursor (stream) VALUES ('claim'), ('diagnose') ON CONFLICT (stream) DO NOTHING;

COMMENT ON TABLE staging.merge_cursor IS 'One row per stream: how far its merge has come. The merger that works holds its lock.';
COMMENT ON COLUMN staging.merge_cursor.stream IS 'The stream.';
COMMENT ON COLUMN staging.merge_cursor.merged IS 'Raw rows merged so far.';
COMMENT ON COLUMN staging.merge_cursor.duplicate IS 'Duplicates so far.';
COMMENT ON COLUMN staging.merge_cursor.conflict IS 'Conflicts so far.';
COMMENT ON COLUMN staging.merge_cursor.rejected IS 'Rejected raw rows so far.';

-- In the same partitions as staging.event, so that what is of a day is found beside it. No foreign key on run_id: a trigger a row
-- costs as much as the insert, and verify finds an outcome without its batch.
CREATE TABLE IF NOT EXISTS staging.outcome (
    seq bigint NOT NULL,
    stream text NOT NULL,
    entity_id bigint,
    fate text NOT NULL CHECK (fate IN ('merged', 'duplicate', 'conflict', 'rejected')),
    reason text,
    run_id bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (seq, received_at),
    CONSTRAINT rejected_has_reason CHECK ((fate = 'rejected') = (reason IS NOT NULL)),
    CONSTRAINT accepted_has_id CHECK (fate = 'rejected' OR entity_id IS NOT NULL)
) PARTITION BY RANGE (received_at);

CREATE TABLE IF NOT EXISTS staging.outcome_default PARTITION OF staging.outcome DEFAULT;

-- From a clean row to its raw rows.
CREATE INDEX IF NOT EXISTS outcome_entity ON staging.outcome (stream, entity_id);

COMMENT ON TABLE staging.outcome IS
'One row per raw row that was taken: what became of it. A raw row without one is pending. A partition a day (UTC) of arrival.';
COMMENT ON COLUMN staging.outcome.seq IS 'The raw row.';
COMMENT ON COLUMN staging.outcome.stream IS 'Its stream.';
COMMENT ON COLUMN staging.outcome.entity_id IS 'The id it carries, where it has a valid one.';
COMMENT ON COLUMN staging.outcome.fate IS 'merged, duplicate, conflict or rejected.';
COMMENT ON COLUMN staging.outcome.reason IS 'Why it was rejected: a reason code of the contract.';
COMMENT ON COLUMN staging.outcome.run_id IS 'The batch that decided.';
COMMENT ON COLUMN staging.outcome.received_at IS
'When the raw row was received, -infinity where it has no such time: it says in which partition both are.';
COMMENT ON TABLE staging.outcome_default IS 'Outcomes of raw rows of no day, or of a day whose partition is not there.';
