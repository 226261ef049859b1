-- One row per role of the services and of the auditor that is not there.
SELECT r.name
FROM unnest(ARRAY['office_ingest', 'office_merge', 'office_analytics', 'office_auditor']) AS r (name)
WHERE to_regrole(r.name) IS NULL
ORDER BY r.name
