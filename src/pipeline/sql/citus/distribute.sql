-- No rows of ours: spreads the tables of an office over the nodes of a Citus cluster. Nothing here calls this file.
-- The operator runs it once, with psql, in an empty office: after setup/init_db.sql and `office.py migrate`, on a coordinator that
-- has added itself (citus_set_coordinator_host) and its workers, each call a transaction of its own. Needs Citus 14, the first for
-- PostgreSQL 18. It was never run: there was no Citus 14 to run it on. tests/integration/test_citus_rules.py checks on plain
-- PostgreSQL that the schema keeps Citus's rules; tests/integration/test_citus.py runs the office where CITUS_DSN names a cluster.
--
-- The schema fits. Statements do not yet: by the source of Citus 14.0.1, those under "refused" fail (0A000) on spread tables,
-- so this is no file for an office that works. Those of the merge, the windows and verify were gone through, others only in part.
-- refused: merge/merge_claim merge/merge_diagnose audit/verify/050_claim_equals_raw audit/verify/060_diagnose_equals_raw
-- refused: audit/verify/062_claim_repeats_are_told_apart audit/verify/064_diagnose_repeats_are_told_apart
-- refused: audit/explain/claim_rows audit/explain/diagnose_rows audit/rebuild/derive_claim audit/rebuild/derive_diagnose
--     staging.parse_event has subqueries without FROM that call what is not immutable (pg_input_is_valid, text to timestamptz).
-- refused: merge/next_ahead merge/next_behind revenue/compute_candidate revenue/clear_empty_windows
-- refused: audit/verify/010_reconciliation audit/verify/020_outcome_has_raw_row audit/verify/022_archived_row_has_its_outcome
-- refused: audit/verify/080_revenue_equals_recompute operations/status/streams operations/metrics/streams report/arrivals
--     A row that is not of a spread table (of a step, of a local table) has rows of a spread one looked up for it.
-- refused: revenue/mark_windows
--     WITH RECURSIVE reads claim.
-- refused: schema/repeatable/200_audit schema/repeatable/210_window_claims
--     Of their views: claim and diagnose are joined by what an outcome says, which is not what either is spread by.
--
-- What stays as it is: everybody connects to the coordinator. Only there do the numbers of raw rows go up (a worker's begin at
-- 2^48), and only there does the row lock of the merge's cursor keep two mergers apart. Transaction numbers differ from node to
-- node, and there is no snapshot of all nodes: the cursor can pass a row by, the sweep finds it; verify can see half of a batch.

-- Reference tables, a copy on each node: what spread tables refer to, or is looked up beside their rows. First, for the foreign keys.
SELECT create_reference_table('patient');
SELECT create_reference_table('staging.id_scope');
SELECT create_reference_table('staging.reject_reason');
SELECT create_reference_table('staging.archived_day');
SELECT create_reference_table('analytics.tracked_diagnosis');

-- A raw row and its outcome are on the same node, in partitions of the same day; claim and diagnose each by their key.
SELECT create_distributed_table('staging.event', 'seq', colocate_with => 'none');
SELECT create_distributed_table('staging.outcome', 'seq', colocate_with => 'staging.event');
SELECT create_distributed_table('claim', 'id', colocate_with => 'none');
SELECT create_distributed_table('diagnose', 'id', colocate_with => 'none');

-- Local to the coordinator, on purpose:
-- local: public.schema_version: what was applied is asked of the coordinator only.
-- local: staging.merge_cursor: its row lock and its transaction numbers are the coordinator's.
-- local: staging.merge_run: no volatile function (clock_timestamp) may say what a row of a spread or a reference table becomes.
-- local: staging.outcome_history: refers to staging.merge_run, which a spread table could not.
-- local: analytics.dirty_window: refers to staging.merge_run; its key is a number of its own.
-- local: analytics.quality_run: as staging.merge_run.
-- local: analytics.quality_check: refers to analytics.quality_run.
-- local: analytics.revenue_candidate: refers to analytics.quality_run; a row per window and category is little.
-- local: analytics.revenue_by_diagnosis: as analytics.revenue_candidate.
-- local: analytics.window_release: refers to analytics.quality_run.
