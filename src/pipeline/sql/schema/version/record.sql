-- One row: the schema file just applied.
INSERT INTO public.schema_version (name, checksum, applied_at)
VALUES (%(name)s, %(checksum)s, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = excluded.applied_at
