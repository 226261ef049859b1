-- The roles of the services and of the auditor: each may do its own work and nothing else.
-- They can't log in before `office.py migrate` gives them a password.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['office_ingest', 'office_merge', 'office_analytics', 'office_auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
            EXECUTE format('COMMENT ON ROLE %I IS %L', name, 'The doctor''s office.');
        END IF;
    END LOOP;
EXCEPTION
    -- Roles belong to the whole server: another of its databases has made them this moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

GRANT USAGE ON SCHEMA staging TO office_ingest, office_merge, office_analytics;
GRANT USAGE ON SCHEMA analytics TO office_merge, office_analytics, office_auditor;
GRANT USAGE ON SCHEMA audit TO office_auditor;

-- Appending: what arrived and nothing else; when and by which transaction is the database's to say.
GRANT INSERT (stream, payload, payload_bytes) ON staging.event TO office_ingest;

-- Merging, which analytics does too before it computes.
GRANT SELECT
ON public.schema_version, staging.event, staging.claim_contract, staging.diagnose_contract, staging.outcome_history,
staging.day_partition, staging.id_scope
TO office_merge, office_analytics;
GRANT SELECT, INSERT ON staging.outcome, claim, diagnose TO office_merge, office_analytics;
GRANT SELECT, INSERT, UPDATE, DELETE ON staging.merge_run TO office_merge, office_analytics;
GRANT SELECT, UPDATE ON staging.merge_cursor, staging.merge_place TO office_merge, office_analytics;
GRANT SELECT, INSERT ON analytics.dirty_window TO office_merge, office_analytics;
GRANT SELECT ON analytics.tracked_diagnosis, analytics.quality_run TO office_merge, office_analytics;
-- A new day's partitions belong to the owner, as whom they are made; it is the owner, too, who may analyze a table.
GRANT EXECUTE ON FUNCTION staging.make_partitions(date, date), staging.analyze_grown(bigint) TO office_merge, office_analytics;

-- Archiving, which analytics does once a day where raw rows are kept for a time only.
GRANT SELECT ON staging.archived_day TO office_analytics;
GRANT EXECUTE ON FUNCTION staging.make_late_partitions(timestamptz) TO office_analytics;
GRANT EXECUTE ON FUNCTION staging.drop_archived_day(text, text, bigint, text, bigint, int8multirange) TO office_analytics;

-- Analytics. Of a patient it needs to know that there is one, and not who that is.
GRANT SELECT (id) ON patient TO office_analytics;
GRANT UPDATE (backfilled_at) ON analytics.tracked_diagnosis TO office_analytics;
GRANT INSERT, UPDATE ON analytics.quality_run TO office_analytics;
GRANT SELECT, INSERT ON analytics.quality_check TO office_analytics;
GRANT DELETE ON analytics.dirty_window TO office_analytics;
GRANT SELECT, INSERT, DELETE ON analytics.revenue_candidate TO office_analytics;
GRANT SELECT, INSERT, UPDATE, DELETE ON analytics.revenue_by_diagnosis TO office_analytics;
GRANT SELECT ON analytics.window_release TO office_analytics;

-- The auditor reads, and reads no patient's name.
GRANT SELECT
ON audit.reconciliation, audit.raw_vs_clean, audit.conflicts, audit.rejected, audit.replayed, audit.window_claims, audit.archived
TO office_auditor;
GRANT SELECT
ON analytics.revenue_by_diagnosis, analytics.tracked_diagnosis, analytics.quality_run, analytics.quality_check,
analytics.window_release
TO office_auditor;

-- In Adminer the auditor begins at these views; a sort of all of history ends by itself.
DO $$
BEGIN
    EXECUTE format('ALTER ROLE office_auditor IN DATABASE %I SET search_path = audit', current_database());
    EXECUTE format('ALTER ROLE office_auditor IN DATABASE %I SET default_transaction_read_only = on', current_database());
    EXECUTE format('ALTER ROLE office_auditor IN DATABASE %I SET statement_timeout = %L', current_database(), '60s');
EXCEPTION
    -- The roles were made by the owner of another database of the server.
    WHEN insufficient_privilege THEN NULL;
END
$$;
