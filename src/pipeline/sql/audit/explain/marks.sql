-- One row per mark of the window, in the order of marking, with the batch that set it.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT
    d.mark_id,
    d.marked_at,
    d.run_id,
    m.stream
FROM analytics.dirty_window AS d
LEFT JOIN staging.merge_run AS m ON d.run_id = m.run_id
WHERE d.window_start = %(window_start)s
ORDER BY d.mark_id
