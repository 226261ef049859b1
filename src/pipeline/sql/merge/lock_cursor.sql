-- One row: the last transaction whose rows were taken, locked until this transaction ends.
-- A number from the future comes from another cluster's dump: then the reading starts over, and finds outcomes.
SELECT
    CASE
        WHEN c.last_xid >= pg_snapshot_xmax(pg_current_snapshot()) THEN '0'::xid8 ELSE c.last_xid
    END AS last_xid
FROM staging.merge_cursor AS c
WHERE c.stream = %(stream)s
FOR UPDATE
