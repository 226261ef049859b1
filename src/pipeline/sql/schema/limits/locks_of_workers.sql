-- One row per worker of the cluster that answers: what schema/limits/locks says of a server, of the worker and its shards of each day.
-- The linter would break the line before the function.
-- noqa: disable=LT02
SELECT
    w.nodename || ':' || w.nodeport AS node,
    (w.result::jsonb ->> 'locks_per_transaction')::bigint AS locks_per_transaction,
    (w.result::jsonb ->> 'transactions')::bigint AS transactions,
    (w.result::jsonb ->> 'relations')::bigint AS relations
FROM pg_catalog.run_command_on_workers(
    $$
    SELECT jsonb_build_object(
        'locks_per_transaction', current_setting('max_locks_per_transaction')::bigint,
        'transactions', current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint,
        'relations', count(DISTINCT i.inhrelid) + count(x.indexrelid)
    )
    FROM pg_inherits AS i
    INNER JOIN pg_class AS c ON i.inhparent = c.oid
    LEFT JOIN pg_index AS x ON i.inhrelid = x.indrelid
    WHERE c.relnamespace = 'staging'::regnamespace AND c.relname ~ '^(event|outcome)_\d+$'
    $$
) AS w
WHERE w.success
ORDER BY node
