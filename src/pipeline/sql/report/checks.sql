-- One row per check of a run, and per window that it held back; what did not pass comes first.
SELECT
    c.suite,
    c.check_name,
    c.severity,
    c.status,
    c.rows_at_fault,
    c.rows_checked,
    c.window_start
FROM analytics.quality_check AS c
WHERE c.quality_run_id = %(quality_run_id)s
ORDER BY
    array_position(ARRAY['errored', 'failed', 'passed'], c.status),
    array_position(ARRAY['critical', 'warning', 'info'], c.severity),
    c.suite,
    c.check_name,
    c.window_start
