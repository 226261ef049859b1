-- One row: the settings from which the server reckons its room for locks, and what a statement over all days locks: every partition
-- of the raw rows and outcomes, and every index of one.
SELECT
    current_setting('max_locks_per_transaction')::bigint AS locks_per_transaction,
    current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint AS transactions,
    count(DISTINCT i.inhrelid) FILTER (WHERE i.inhparent = 'staging.event'::regclass) AS days,
    count(DISTINCT i.inhrelid) + count(x.indexrelid) AS relations
FROM pg_inherits AS i
LEFT JOIN pg_index AS x ON i.inhrelid = x.indrelid
WHERE i.inhparent IN ('staging.event'::regclass, 'staging.outcome'::regclass)
