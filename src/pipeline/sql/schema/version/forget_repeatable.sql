-- One row per repeatable file: it is about to be applied again.
DELETE FROM public.schema_version AS v
WHERE v.name LIKE 'schema/repeatable/%' OR v.name LIKE 'citus/%'
