-- One row: whether the schema of the audit views is there, and whether the roles of the services and of the auditor have their rights,
-- or can't be made by this user.
SELECT
    to_regnamespace('audit') IS NOT NULL
    AND (
        NOT EXISTS (
            SELECT FROM unnest(ARRAY['office_ingest', 'office_merge', 'office_analytics', 'office_auditor']) AS r (name)
            WHERE
                CASE
                    WHEN to_regrole(r.name) IS NULL THEN TRUE
                    WHEN to_regnamespace('staging') IS NULL THEN TRUE
                    ELSE NOT has_schema_privilege(r.name, 'staging', 'USAGE')
                END
        )
        OR (
            (
                to_regrole('office_ingest') IS NULL OR to_regrole('office_merge') IS NULL
                OR to_regrole('office_analytics') IS NULL OR to_regrole('office_auditor') IS NULL
            )
            AND NOT (
                SELECT u.rolsuper OR u.rolcreaterole
                FROM pg_roles AS u
                WHERE u.rolname = current_user
            )
        )
    ) AS are_there
