-- No rows: makes the foreign keys of the given tables check each row again. A cluster knows no triggers, so the checks once per statement,
-- which setup/init_db.sql makes, go.
DO $$
DECLARE
    foreign_key record;
BEGIN
    DROP FUNCTION IF EXISTS public.require_patients() CASCADE;
    DROP FUNCTION IF EXISTS public.keep_patients() CASCADE;
    FOR foreign_key IN
        SELECT
            c.conrelid::regclass AS table_name,
            c.conname
        FROM pg_constraint AS c
        WHERE c.contype = 'f' AND c.confrelid = to_regclass('patient') AND NOT c.conenforced
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I ENFORCED', foreign_key.table_name, foreign_key.conname);
    END LOOP;
END
$$
