-- One row per schema file that a version before the baseline applied.
DELETE FROM public.schema_version
