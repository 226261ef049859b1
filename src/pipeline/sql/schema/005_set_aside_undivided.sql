-- An office from before the tables were divided into days: its raw rows and outcomes are set aside, as staging.event_undivided
-- and staging.outcome_undivided, for the files that follow to make the divided tables; 024 takes in what was set aside.
DO $$
DECLARE
    undivided regclass;
    index_name text;
    sequence regclass;
BEGIN
    IF to_regclass('staging.event') IS NULL OR 'r' <> (SELECT c.relkind FROM pg_class AS c WHERE c.oid = to_regclass('staging.event')) THEN
        RETURN;
    END IF;
    LOCK TABLE staging.event, staging.outcome IN ACCESS EXCLUSIVE MODE;
    FOREACH undivided IN ARRAY ARRAY['staging.event'::regclass, 'staging.outcome'::regclass] LOOP
        FOR index_name IN
            SELECT c.relname FROM pg_index AS i INNER JOIN pg_class AS c ON i.indexrelid = c.oid WHERE i.indrelid = undivided
        LOOP
            EXECUTE format('ALTER INDEX staging.%I RENAME TO %I', index_name, index_name || '_before');
        END LOOP;
    END LOOP;
    sequence := pg_get_serial_sequence('staging.event', 'seq')::regclass;
    EXECUTE format('ALTER SEQUENCE %s RENAME TO event_undivided_seq', sequence);
    ALTER TABLE staging.event RENAME TO event_undivided;
    ALTER TABLE staging.outcome RENAME TO outcome_undivided;
END
$$;
