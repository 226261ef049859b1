-- analytics.due_window: one row per window that is due at a time: it has a mark, and it has closed by then.
CREATE OR REPLACE FUNCTION analytics.due_window(closed_by timestamptz)
RETURNS TABLE (window_start timestamptz, window_end timestamptz, mark_id bigint, due_since timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    d.window_start,
    analytics.window_end(d.window_start),
    max(d.mark_id),
    greatest(min(d.marked_at), analytics.window_end(d.window_start))
FROM analytics.dirty_window AS d
WHERE analytics.window_end(d.window_start) <= closed_by
GROUP BY d.window_start
$$;

COMMENT ON FUNCTION analytics.due_window(timestamptz) IS
'One row per window that is due at a time: marked and closed by then. mark_id is its newest mark; due_since, since when it is due.';
