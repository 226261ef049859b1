-- staging.outcome_history: one row per outcome that was taken back by a replay; a raw row can be replayed many times.
CREATE TABLE IF NOT EXISTS staging.outcome_history (
    seq bigint NOT NULL,
    stream text NOT NULL,
    entity_id bigint,
    fate text NOT NULL,
    reason text,
    run_id bigint NOT NULL REFERENCES staging.merge_run (run_id),
    replayed_at timestamptz NOT NULL DEFAULT now()
);

-- From a raw row to what became of it before, and from a batch to what it did.
CREATE INDEX IF NOT EXISTS outcome_history_seq ON staging.outcome_history (seq);
CREATE INDEX IF NOT EXISTS outcome_history_run ON staging.outcome_history (run_id);

COMMENT ON TABLE staging.outcome_history IS
'Earlier outcomes of raw rows that were put back to pending, to be merged again. One row per outcome and replay.';
COMMENT ON COLUMN staging.outcome_history.seq IS 'The raw row.';
COMMENT ON COLUMN staging.outcome_history.stream IS 'Its stream.';
COMMENT ON COLUMN staging.outcome_history.entity_id IS 'The id it carries, where it has a valid one.';
COMMENT ON COLUMN staging.outcome_history.fate IS 'What became of it then.';
COMMENT ON COLUMN staging.outcome_history.reason IS 'Why it was rejected then.';
COMMENT ON COLUMN staging.outcome_history.run_id IS 'The batch that decided then.';
COMMENT ON COLUMN staging.outcome_history.replayed_at IS 'When it was put back to pending.';
