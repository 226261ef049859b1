-- One row per release of figures that a run, from one on, held back, whether or not it still stands.
SELECT
    w.quality_run_id,
    w.window_start,
    w.reason,
    w.failed_checks,
    w.released_by,
    w.released_at
FROM analytics.window_release AS w
WHERE w.quality_run_id >= %(first_run)s
ORDER BY w.quality_run_id, w.window_start, w.release_id
