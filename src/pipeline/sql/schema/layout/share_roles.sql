-- One row per worker that did not get a role of ours. Citus brings roles to the workers as they are made; these were made before the
-- database had the extension, or in another database of the server.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
SELECT
    w.nodename,
    w.nodeport
FROM pg_catalog.pg_roles AS r
CROSS JOIN LATERAL pg_catalog.run_command_on_workers(
    format(
        'DO $do$ BEGIN IF to_regrole(%1$L) IS NULL THEN SET LOCAL citus.enable_ddl_propagation = off; CREATE ROLE %1$I LOGIN; END IF; END $do$',
        r.rolname
    )
) AS w
WHERE r.rolname IN ('office_ingest', 'office_merge', 'office_analytics', 'office_auditor') AND NOT w.success
