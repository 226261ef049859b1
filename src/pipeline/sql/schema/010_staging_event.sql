-- staging.event: one row per arrival, verbatim; no key, no constraint, never updated. A partition a day of arrival, UTC.
CREATE SCHEMA IF NOT EXISTS staging;
COMMENT ON SCHEMA staging IS 'What arrived, and what became of it.';

-- xid stands before seq: a transaction has its number before it takes one for a row. The merge's cursor relies on it.
CREATE TABLE IF NOT EXISTS staging.event (
    xid xid8 DEFAULT pg_current_xact_id(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    stream text,
    payload text,
    payload_bytes bytea,
    received_at timestamptz DEFAULT now()
) PARTITION BY RANGE (received_at);

-- What has no day, or a day without a partition, is kept as well: appending never fails for it.
CREATE TABLE IF NOT EXISTS staging.event_default PARTITION OF staging.event DEFAULT;

-- The one index: each more costs an append as much as the row.
CREATE INDEX IF NOT EXISTS event_seq ON staging.event (seq);

COMMENT ON TABLE staging.event IS
'Raw layer: one row per arrival, exactly as it came. Only ever appended to. A partition a day (UTC) of arrival.';
COMMENT ON COLUMN staging.event.seq IS 'Number of the raw row, in the order of writing.';
COMMENT ON COLUMN staging.event.stream IS 'The stream it came from: claim or diagnose.';
COMMENT ON COLUMN staging.event.payload IS 'What arrived, verbatim.';
COMMENT ON COLUMN staging.event.payload_bytes IS 'What arrived, where it is not text that PostgreSQL can hold.';
COMMENT ON COLUMN staging.event.received_at IS 'When it was received; it says in which partition the row is.';
COMMENT ON COLUMN staging.event.xid IS 'The transaction that wrote it: what ends late is told apart by it.';
COMMENT ON TABLE staging.event_default IS 'Raw rows of no day, or of a day whose partition is not there.';
