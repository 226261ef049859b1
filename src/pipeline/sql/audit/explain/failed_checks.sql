-- One row per check of the run that did not pass and concerns the window; what holds figures back comes first.
SELECT
    c.suite,
    c.check_name,
    c.severity,
    c.status,
    c.rows_at_fault,
    c.rows_checked,
    analytics.holds_back(c.status, c.severity) AS holds_back
FROM analytics.quality_check AS c
WHERE
    c.quality_run_id = %(quality_run_id)s
    AND c.status <> 'passed'
    AND coalesce(c.window_start, %(window_start)s) = %(window_start)s
ORDER BY holds_back DESC, c.suite ASC, c.check_name ASC
