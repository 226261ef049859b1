-- One row per schema file that was applied.
SELECT
    v.name,
    v.checksum
FROM public.schema_version AS v
