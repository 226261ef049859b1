-- One row: whether schema files were ever applied here; roles belong to the server, and come along with no dump.
SELECT
    to_regclass('public.schema_version') IS NOT NULL
    AND to_regrole('office_ingest') IS NOT NULL
    AND to_regrole('office_merge') IS NOT NULL
    AND to_regrole('office_analytics') IS NOT NULL
    AND to_regrole('office_auditor') IS NOT NULL AS is_there
