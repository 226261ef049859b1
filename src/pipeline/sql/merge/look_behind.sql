-- One row: which transactions can still make raw rows appear behind the cursor, and from where on those have made some appear that
-- could do so at the last look and have ended since.
-- A transaction that takes a number for a raw row locks the sequence until it ends. The numbers up to the cursor were taken before
-- this statement. So a raw row behind the cursor that the next statement does not see is of a transaction that is found here.
-- Transactions that wrote no raw row don't matter, however old they are and in whichever database.
WITH lock AS MATERIALIZED (
    SELECT
        l.locktype,
        l.database,
        l.relation,
        l.transactionid,
        l.virtualtransaction,
        l.mode
    FROM pg_locks AS l
    WHERE l.granted AND l.locktype IN ('relation', 'transactionid')
),

writer AS MATERIALIZED (
    SELECT min(staging.whole_xid(own.transactionid, pg_snapshot_xmax(pg_current_snapshot()))) AS xid
    FROM lock AS held
    INNER JOIN lock AS own ON held.virtualtransaction = own.virtualtransaction
    WHERE
        held.locktype = 'relation'
        AND held.mode = 'RowExclusiveLock'
        AND held.relation = pg_get_serial_sequence('staging.event', 'seq')::regclass
        AND held.database = (
            SELECT d.oid
            FROM pg_database AS d
            WHERE d.datname = current_database()
        )
        AND own.locktype = 'transactionid'
        AND own.mode = 'ExclusiveLock'
    -- A transaction has numbers of its savepoints, too; its own is the lowest.
    GROUP BY held.virtualtransaction
),

ended AS (
    SELECT
        b.xid,
        b.after_seq,
        b.after_at
    FROM staging.look_back AS b
    WHERE
        b.stream = %(stream)s
        AND NOT EXISTS (
            SELECT FROM writer AS w
            WHERE w.xid = b.xid
        )
)

SELECT
    (SELECT coalesce(array_agg(w.xid), '{}') FROM writer AS w)::text AS writers,
    coalesce(array_agg(e.xid), '{}')::text AS ended,
    coalesce(bool_or(e.xid IS NULL), FALSE) AS is_of_all,
    coalesce(min(e.after_seq), 9223372036854775807) AS after_seq,
    (coalesce(min(e.after_at), 'infinity') - interval '1 day')::text AS after_from
FROM ended AS e
