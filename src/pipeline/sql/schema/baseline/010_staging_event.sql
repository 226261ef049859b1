-- staging.event: one row per arrival, exactly as it came. Rows are only ever added. A partition holds a day (UTC) of arrival.
CREATE SCHEMA staging;

-- xid stands before seq: a transaction gets its own number before it takes a number for a row. The merge's cursor relies on it.
CREATE TABLE staging.event (
    xid xid8 DEFAULT pg_current_xact_id(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    stream text,
    payload text,
    payload_bytes bytea,
    received_at timestamptz DEFAULT now()
) PARTITION BY RANGE (received_at);

-- Keeps rows without a time, and rows of a day that has no partition yet: an append never fails for that.
CREATE TABLE staging.event_default PARTITION OF staging.event DEFAULT;

-- Each further B-tree index would cost an append as much as the row itself.
CREATE INDEX event_seq ON staging.event (seq);

-- Rows arrive in the order of time, so a block range index of a few pages finds where a time begins.
CREATE INDEX event_received_at ON staging.event USING brin (received_at) WITH (autosummarize = on);
