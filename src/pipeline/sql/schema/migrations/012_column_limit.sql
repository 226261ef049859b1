-- staging.column_limit: one row per column of a clean table that holds less than the contract allows, and batch from which on it does.
-- A rebuild judges an older batch by the limit of then. Without a row, the contract alone sets the limit.
CREATE TABLE staging.column_limit (
    stream text NOT NULL,
    column_name text NOT NULL,
    since_run bigint NOT NULL,
    highest bigint,
    PRIMARY KEY (stream, column_name, since_run)
);

-- The same limits, those of now, as a constant: office.py migrate puts them in its place. The planner puts it in the place of the calls,
-- and leaves out a rule that has no limit, so that it costs nothing.
CREATE FUNCTION staging.highest(column_name text)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ('{}'::jsonb ->> column_name)::bigint $$;

COMMENT ON FUNCTION staging.highest(text) IS
'The most that a column of a clean table, named claim.code, can hold: characters of a text, or the highest number; NULL for no limit.';

-- When the merge found that the clean table of a stream was emptied.
ALTER TABLE staging.merge_cursor ADD COLUMN emptied_at timestamptz;
