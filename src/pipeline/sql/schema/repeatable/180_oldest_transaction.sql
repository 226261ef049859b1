-- staging.oldest_transaction: at most one row: the oldest open transaction of the server, in whichever database, prepared ones
-- included. It runs as the owner, because others may not see when somebody else's transaction began. It shows no statement.
CREATE OR REPLACE FUNCTION staging.oldest_transaction()
RETURNS TABLE (database_name text, pid integer, begun_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    a.datname::text,
    a.pid,
    a.xact_start
FROM pg_stat_activity AS a
WHERE a.backend_type = 'client backend' AND a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid()
UNION ALL
SELECT
    p.database::text,
    NULL::integer,
    p.prepared
FROM pg_prepared_xacts AS p
ORDER BY 3
LIMIT 1
$$;

COMMENT ON FUNCTION staging.oldest_transaction() IS
'At most one row: the oldest open transaction of the server: its database, its process (none if it is prepared), and when it began.';

REVOKE EXECUTE ON FUNCTION staging.oldest_transaction() FROM public;
