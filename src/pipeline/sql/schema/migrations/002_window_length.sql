-- The length of a window stands here and nowhere else. office.py migrate puts OFFICE_WINDOW_MINUTES in its place, as long as no
-- window is published. The planner puts the body of the function in the place of its calls, so a call costs nothing.
CREATE OR REPLACE FUNCTION analytics.window_length()
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT interval '10 minutes' $$;
