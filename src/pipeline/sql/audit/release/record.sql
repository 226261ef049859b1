-- One row: the release.
INSERT INTO analytics.window_release (window_start, quality_run_id, failed_checks, reason, released_by, released_at)
VALUES
(
    %(window_start)s,
    %(quality_run_id)s,
    %(failed_checks)s,
    %(reason)s,
    concat(%(user)s, ', as database user ', session_user),
    clock_timestamp()
)
RETURNING released_by, released_at
