-- One row per raw row of a file of the archive, sent by the client.
-- (The linter doesn't know the option.)
COPY archived_row (seq, stream, payload, payload_bytes, received_at, xid) FROM STDIN (FORMAT binary) -- noqa: PRS
