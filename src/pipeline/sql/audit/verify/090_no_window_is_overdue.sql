-- every closed window is published within two analytics cycles of its end or of its mark, unless a check holds it back
-- mended by: analytics
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT
    d.window_start,
    d.due_since
FROM analytics.due_window(%(overdue_before)s) AS d
LEFT JOIN analytics.held_back_window AS h ON d.window_start = h.window_start
WHERE d.due_since < %(overdue_before)s AND h.window_start IS NULL
ORDER BY d.window_start
