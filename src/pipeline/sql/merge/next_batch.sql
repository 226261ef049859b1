-- One row: the transactions of the next batch, and how many raw rows they wrote. Only transactions with nothing before them
-- still running are taken, so that none can commit behind the cursor; and always whole ones.
WITH next_row AS (
    SELECT e.xid
    FROM staging.event AS e
    WHERE
        e.stream = %(stream)s
        AND e.xid > %(last_xid)s::xid8
        AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY e.xid
    LIMIT %(batch_size)s
)

SELECT
    min(r.xid) AS low_xid,
    max(r.xid) AS high_xid,
    count(*) AS found
FROM next_row AS r
