-- staging.merge_run: one row per batch of the merge; a batch is one transaction.
CREATE TABLE staging.merge_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    is_sweep boolean NOT NULL,
    merged bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    conflict bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    dirtied_windows bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    earliest_at timestamptz
);

-- Batches end in the order of time, so a block range index of a few pages finds the batches of the last day.
CREATE INDEX merge_run_finished_at ON staging.merge_run USING brin (finished_at) WITH (autosummarize = on);
