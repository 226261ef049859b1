-- staging.erasure: one row per raw row that was found gone: its outcome, and why it was erased, once somebody has recorded that.
CREATE TABLE staging.erasure (
    seq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    stream text NOT NULL,
    entity_id bigint,
    fate text NOT NULL,
    reject_reason text,
    run_id bigint NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    reason text CONSTRAINT reason_says_something CHECK (reason ~ '\S'),
    recorded_by text,
    recorded_at timestamptz,
    PRIMARY KEY (seq, received_at),
    CONSTRAINT record_is_whole CHECK (num_nulls(reason, recorded_by, recorded_at) IN (0, 3))
);

-- Finds the few that hold windows back, among all that were ever erased.
CREATE INDEX erasure_without_record ON staging.erasure (seq) WHERE reason IS NULL;
