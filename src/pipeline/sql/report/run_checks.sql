-- One row per check of these runs and window that it held back, failures first, up to a limit per run; results counts all.
WITH ranked_check AS (
    SELECT
        c.*,
        count(*) OVER (PARTITION BY c.quality_run_id) AS results,
        row_number() OVER (
            PARTITION BY c.quality_run_id
            ORDER BY
                array_position(ARRAY['errored', 'failed', 'passed'], c.status),
                array_position(ARRAY['critical', 'warning', 'info'], c.severity),
                c.suite,
                c.check_name,
                c.window_start
        ) AS place
    FROM unnest(%(runs)s::bigint[]) AS r (quality_run_id)
    INNER JOIN analytics.quality_check AS c ON r.quality_run_id = c.quality_run_id
)

SELECT
    c.quality_run_id,
    c.suite,
    c.check_name,
    c.severity,
    c.status,
    c.rows_at_fault,
    c.rows_checked,
    c.window_start,
    c.results
FROM ranked_check AS c
WHERE c.place <= %(most)s
ORDER BY c.quality_run_id, c.place
