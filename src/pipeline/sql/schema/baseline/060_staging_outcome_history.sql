-- staging.outcome_history: one row per outcome that a replay took back. A raw row can be replayed many times.
CREATE TABLE staging.outcome_history (
    seq bigint NOT NULL,
    stream text NOT NULL,
    entity_id bigint,
    fate text NOT NULL,
    reason text,
    run_id bigint NOT NULL REFERENCES staging.merge_run (run_id),
    replayed_at timestamptz NOT NULL DEFAULT now()
);

-- Find the earlier outcomes of a raw row, and all outcomes of a batch.
CREATE INDEX outcome_history_seq ON staging.outcome_history (seq);
CREATE INDEX outcome_history_run ON staging.outcome_history (run_id);
