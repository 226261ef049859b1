-- staging.archived_day: one row per file of raw rows that are no longer in staging.event.
CREATE TABLE staging.archived_day (
    file_name text PRIMARY KEY,
    begins_at timestamptz,
    ends_at timestamptz NOT NULL,
    seqs int8multirange NOT NULL,
    raw_rows bigint NOT NULL CHECK (raw_rows > 0),
    file_bytes bigint NOT NULL CHECK (file_bytes > 0),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    archived_at timestamptz NOT NULL DEFAULT now()
);
