-- One row per raw row of the chosen day, in the order of writing, sent to the client.
-- (The linter doesn't know the option.)
COPY (
    SELECT
        e.seq,
        e.stream,
        e.payload,
        e.payload_bytes,
        e.received_at,
        e.xid
    FROM staging.event AS e
    WHERE
        e.received_at >= current_setting('office.exported_from')::timestamptz
        AND e.received_at < current_setting('office.exported_until')::timestamptz
    ORDER BY e.seq
) TO STDOUT (FORMAT binary) -- noqa: PRS
