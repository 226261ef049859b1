-- At most one row: what the server does for a connection. The values change while it works.
-- ClientRead says something during a COPY only: Citus gives its wait for another server the same name.
SELECT
    a.state <> 'active' OR coalesce(p.pid IS NOT NULL AND a.wait_event = 'ClientRead', FALSE) AS waits_for_client,
    a.query_start,
    a.state_change,
    p.bytes_processed
FROM pg_stat_activity AS a
LEFT JOIN pg_stat_progress_copy AS p ON a.pid = p.pid
WHERE a.pid = %(pid)s
