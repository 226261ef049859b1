-- At most one row: what the server does for a connection. The values change while it works.
-- ClientRead means that the server waits for us only during a COPY. Citus also uses this name while it waits for another server.
SELECT
    a.state <> 'active' OR coalesce(p.pid IS NOT NULL AND a.wait_event = 'ClientRead', FALSE) AS waits_for_client,
    a.query_start,
    a.state_change,
    p.bytes_processed
FROM pg_stat_activity AS a
LEFT JOIN pg_stat_progress_copy AS p ON a.pid = p.pid
WHERE a.pid = %(pid)s
