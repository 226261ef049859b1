-- One row per raw row of a day, in the order of writing, sent to the client. COPY takes no parameters: the driver puts them in.
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
        e.received_at >= coalesce(%(begins_at)s::timestamptz, '-infinity')
        AND e.received_at < %(ends_at)s::timestamptz
    ORDER BY e.seq
) TO STDOUT (FORMAT binary) -- noqa: PRS
