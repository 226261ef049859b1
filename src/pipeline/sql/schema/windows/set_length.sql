-- No rows: sets the length of windows.
CREATE OR REPLACE FUNCTION analytics.window_length()
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT make_interval(mins => %(minutes)s) $$
