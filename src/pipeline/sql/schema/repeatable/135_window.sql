-- The start and the end of a window. The planner inlines these functions, so a call costs nothing, and a condition on the
-- result can use an index.
CREATE OR REPLACE FUNCTION analytics.window_start(moment timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT date_bin(analytics.window_length(), moment, timestamptz '1970-01-01 00:00:00+00') $$;

-- A claim whose table keeps times without a time zone: they are UTC.
CREATE OR REPLACE FUNCTION analytics.window_start(moment timestamp)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT date_bin(analytics.window_length(), moment AT TIME ZONE 'UTC', timestamptz '1970-01-01 00:00:00+00') $$;

-- STABLE, because PostgreSQL calls the addition of an interval stable: an IMMUTABLE function would not be inlined.
CREATE OR REPLACE FUNCTION analytics.window_end(window_start timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT window_start + analytics.window_length() $$;

COMMENT ON FUNCTION analytics.window_length() IS 'The length of a window.';
COMMENT ON FUNCTION analytics.window_start(timestamptz) IS 'The start of the window that a moment lies in.';
COMMENT ON FUNCTION analytics.window_start(timestamp) IS 'The start of the window that a moment in UTC lies in.';
COMMENT ON FUNCTION analytics.window_end(timestamptz) IS 'The end of the window that begins then; the end belongs to the next window.';
