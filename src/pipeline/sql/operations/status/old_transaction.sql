-- At most one row: the oldest open transaction of the server, if it has been open for longer than some time.
SELECT
    t.database_name,
    t.pid,
    t.begun_at
FROM staging.oldest_transaction() AS t
WHERE t.begun_at < clock_timestamp() - %(longer_than)s::interval
