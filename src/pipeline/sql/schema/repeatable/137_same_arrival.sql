-- Whether a raw row and an outcome have the same time of arrival. Together with the same number that makes them a pair. The time also
-- says in which day's partition both are. The planner inlines this function, so that it reads that partition only.
CREATE OR REPLACE FUNCTION staging.same_arrival(raw_row_at timestamptz, outcome_at timestamptz)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT raw_row_at = outcome_at OR (raw_row_at IS NULL AND outcome_at = '-infinity') $$;

COMMENT ON FUNCTION staging.same_arrival(timestamptz, timestamptz) IS
'Whether a raw row was received at the time that an outcome names: the same time, or -infinity for a raw row without a time.';
