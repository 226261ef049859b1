-- No rows: sets the limits of the clean tables' columns.
CREATE OR REPLACE FUNCTION staging.highest(column_name text)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (%(limits)s::jsonb ->> column_name)::bigint $$
