-- The times of clean rows. The column tsp of a clean table is a timestamptz, or a timestamp, which is UTC then: whatever the time zone
-- of a session is. PostgreSQL chooses the function by the column's type, and puts its body in the place of the call, so that a call
-- costs nothing where the types are the same, and a condition on the column itself can use an index.
-- staging.moment: one row per call: the moment that a clean row's tsp names.
CREATE OR REPLACE FUNCTION staging.moment(tsp timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT tsp $$;

CREATE OR REPLACE FUNCTION staging.moment(tsp timestamp)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT tsp AT TIME ZONE 'UTC' $$;

COMMENT ON FUNCTION staging.moment(timestamptz) IS 'The moment that a clean row''s tsp names: itself.';
COMMENT ON FUNCTION staging.moment(timestamp) IS
'The moment that a clean row''s tsp names, where its table keeps times without a time zone: they are UTC.';

-- staging.as_tsp: one row per call: a moment as a column tsp keeps it. The second argument is that column, or a NULL of its type.
CREATE OR REPLACE FUNCTION staging.as_tsp(moment timestamptz, tsp timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT moment $$;

CREATE OR REPLACE FUNCTION staging.as_tsp(moment timestamptz, tsp timestamp)
RETURNS timestamp
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT moment AT TIME ZONE 'UTC' $$;

COMMENT ON FUNCTION staging.as_tsp(timestamptz, timestamptz) IS 'A moment as the column tsp of a clean table keeps it: itself.';
COMMENT ON FUNCTION staging.as_tsp(timestamptz, timestamp) IS
'A moment as the column tsp of a clean table keeps it, where that is a timestamp: in UTC.';
