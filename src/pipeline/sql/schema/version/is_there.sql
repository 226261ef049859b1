-- One row: whether schema files were ever applied here.
SELECT to_regclass('public.schema_version') IS NOT NULL AS is_there
