-- One row: the transactions of the next raw rows without an outcome, wherever they are, and how many rows were found.
WITH pending_row AS (
    SELECT e.xid
    FROM staging.event AS e
    LEFT JOIN staging.outcome AS o ON e.seq = o.seq AND o.received_at = coalesce(e.received_at, '-infinity')
    WHERE e.stream = %(stream)s AND o.seq IS NULL
    ORDER BY e.xid
    LIMIT %(batch_size)s
)

SELECT
    min(r.xid) AS low_xid,
    max(r.xid) AS high_xid,
    count(*) AS found
FROM pending_row AS r
