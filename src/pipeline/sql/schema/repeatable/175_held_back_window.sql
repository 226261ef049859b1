-- What a check holds back.
-- analytics.holds_back: whether a result of a check keeps figures from being published.
CREATE OR REPLACE FUNCTION analytics.holds_back(status text, severity text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT status = 'errored' OR (status = 'failed' AND severity = 'critical') $$;

COMMENT ON FUNCTION analytics.holds_back(text, text) IS
'Whether a result of a check holds figures back: the check broke down, or it is critical and failed.';

-- analytics.held_back_window: one row per window that is held back at present.
CREATE VIEW analytics.held_back_window AS
SELECT
    r.window_start,
    max(r.quality_run_id) AS quality_run_id,
    max(r.mark_id) AS mark_id
FROM analytics.revenue_candidate AS r
INNER JOIN analytics.quality_run AS q ON r.quality_run_id = q.quality_run_id
-- If the mark that a candidate has taken in is gone, another run has published the window.
INNER JOIN analytics.dirty_window AS d ON r.window_start = d.window_start AND r.mark_id = d.mark_id
WHERE q.finished_at IS NOT NULL
GROUP BY r.window_start;

COMMENT ON VIEW analytics.held_back_window IS
'One row per window that a check holds back: a run that has ended computed it and did not publish it, and no other run has since.';
COMMENT ON COLUMN analytics.held_back_window.window_start IS 'The window.';
COMMENT ON COLUMN analytics.held_back_window.quality_run_id IS 'The newest run that holds it back.';
COMMENT ON COLUMN analytics.held_back_window.mark_id IS 'The newest mark that its candidate takes in.';
