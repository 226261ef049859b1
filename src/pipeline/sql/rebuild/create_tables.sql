-- No rows: this session's own tables, in which a rebuild comes to its clean layer.
DROP TABLE IF EXISTS pg_temp.rebuilt_outcome, pg_temp.rebuilt_claim, pg_temp.rebuilt_diagnose, pg_temp.rebuilt_difference, pg_temp.lost_outcome;

CREATE TEMPORARY TABLE rebuilt_outcome (
    seq bigint PRIMARY KEY,
    stream text NOT NULL,
    entity_id bigint,
    fate text NOT NULL,
    reason text,
    run_id bigint NOT NULL,
    received_at timestamptz NOT NULL
);

CREATE TEMPORARY TABLE rebuilt_claim (
    id bigint PRIMARY KEY,
    code text NOT NULL,
    price numeric(12, 2) NOT NULL,
    patient_id bigint NOT NULL,
    tsp timestamptz NOT NULL
);

CREATE TEMPORARY TABLE rebuilt_diagnose (
    id bigint PRIMARY KEY,
    icd10_code text NOT NULL,
    patient_id bigint NOT NULL,
    tsp timestamptz NOT NULL
);

-- What the live layer and the rebuilt one don't have in common: one row per table and row.
CREATE TEMPORARY TABLE rebuilt_difference (
    relation text NOT NULL,
    kind text NOT NULL,
    id bigint
);

-- Raw rows whose outcome was removed, with their place in the order of merging.
CREATE TEMPORARY TABLE lost_outcome (
    run_id bigint NOT NULL,
    seq bigint NOT NULL,
    stream text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, seq)
);
