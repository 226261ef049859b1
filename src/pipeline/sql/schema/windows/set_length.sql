-- No rows: windows have this length from now on.
CREATE OR REPLACE FUNCTION analytics.window_length()
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT make_interval(mins => %(minutes)s) $$
