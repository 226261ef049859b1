-- One row: whether the roles of the services and of the auditor are there, and the schema of the audit views.
SELECT
    to_regrole('office_ingest') IS NOT NULL
    AND to_regrole('office_merge') IS NOT NULL
    AND to_regrole('office_analytics') IS NOT NULL
    AND to_regrole('office_auditor') IS NOT NULL
    AND to_regnamespace('audit') IS NOT NULL AS are_there
