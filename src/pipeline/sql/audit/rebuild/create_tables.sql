-- No rows: this session's own tables, in which a rebuild comes to its clean layer.
DROP VIEW IF EXISTS pg_temp.raw_row;
DROP TABLE IF EXISTS pg_temp.archived_row;
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

-- What the files of the archive hold.
CREATE TEMPORARY TABLE archived_row (
    seq bigint,
    stream text,
    payload text,
    payload_bytes bytea,
    received_at timestamptz,
    xid xid8
);
CREATE INDEX ON archived_row (seq);

-- All raw rows, those in staging and those in the archive.
CREATE TEMPORARY VIEW raw_row AS
SELECT
    e.seq,
    e.stream,
    e.payload,
    e.payload_bytes,
    e.received_at,
    e.xid
FROM staging.event AS e
UNION ALL
SELECT
    a.seq,
    a.stream,
    a.payload,
    a.payload_bytes,
    a.received_at,
    a.xid
FROM archived_row AS a;
