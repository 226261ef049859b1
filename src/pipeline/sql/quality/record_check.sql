-- One row: the result of a check.
INSERT INTO analytics.quality_check
(quality_run_id, suite, check_name, severity, status, rows_at_fault, rows_checked, window_start)
VALUES
(
    %(quality_run_id)s,
    %(suite)s,
    %(check_name)s,
    %(severity)s,
    %(status)s,
    %(rows_at_fault)s,
    %(rows_checked)s,
    %(window_start)s
)
