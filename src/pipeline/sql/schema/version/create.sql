-- public.schema_version: one row per schema file that was applied.
CREATE TABLE IF NOT EXISTS public.schema_version (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL
);

COMMENT ON TABLE public.schema_version IS 'One row per schema file that was applied.';
COMMENT ON COLUMN public.schema_version.name IS 'The file.';
COMMENT ON COLUMN public.schema_version.checksum IS 'SHA-256 of its text.';
COMMENT ON COLUMN public.schema_version.applied_at IS 'When it was last applied.';
