-- The window: the stretch of time that revenue is summed over. Its length stands here and nowhere else.
-- The planner puts the bodies of these functions in the place of the calls, so they cost nothing and indexes are used.
CREATE SCHEMA IF NOT EXISTS analytics;

CREATE OR REPLACE FUNCTION analytics.window_length()
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT interval '10 minutes' $$;

CREATE OR REPLACE FUNCTION analytics.window_start(moment timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT date_bin(analytics.window_length(), moment, timestamptz '1970-01-01 00:00:00+00') $$;

-- STABLE, as PostgreSQL says of adding an interval; IMMUTABLE, it could not be put in the place of its calls.
CREATE OR REPLACE FUNCTION analytics.window_end(window_start timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT window_start + analytics.window_length() $$;

COMMENT ON FUNCTION analytics.window_length() IS 'The length of a window.';
COMMENT ON FUNCTION analytics.window_start(timestamptz) IS 'The start of the window that a moment lies in.';
COMMENT ON FUNCTION analytics.window_end(timestamptz) IS 'The end of the window that begins then; the end belongs to the next window.';
