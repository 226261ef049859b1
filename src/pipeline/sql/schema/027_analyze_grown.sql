-- Analyzes what a batch of so many raw rows may have doubled, and says how many tables these were. Not what grows little by little:
-- that is the server's own to do; and no more of the days than those that are written to.
CREATE OR REPLACE FUNCTION staging.analyze_grown(batch_rows bigint)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    grown regclass;
    analyzed bigint := 0;
BEGIN
    FOR grown IN
        SELECT c.oid
        FROM pg_class AS c
        WHERE
            c.reltuples < batch_rows
            AND (
                c.oid IN ('public.claim'::regclass, 'public.diagnose'::regclass)
                OR c.oid IN (
                    SELECT format('staging.%I', p.partition_name)::regclass
                    FROM staging.day_partition AS p
                    WHERE p.ends_at > now() - interval '1 day' AND coalesce(p.begins_at, '-infinity') <= now()
                )
            )
        ORDER BY c.oid
    LOOP
        EXECUTE format('ANALYZE %s', grown);
        analyzed := analyzed + 1;
    END LOOP;
    RETURN analyzed;
END
$$;

REVOKE EXECUTE ON FUNCTION staging.analyze_grown(bigint) FROM public;
