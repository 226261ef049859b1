-- One row per window held back at present, the newest ones: the run that holds it, its checks that do; all_windows counts them all.
WITH held_window AS (
    SELECT
        r.window_start,
        max(r.quality_run_id) AS quality_run_id
    FROM analytics.revenue_candidate AS r
    INNER JOIN analytics.quality_run AS q ON r.quality_run_id = q.quality_run_id
    -- Where the mark is gone that the candidate takes in, another run has published the same.
    INNER JOIN analytics.dirty_window AS d ON r.mark_id = d.mark_id
    WHERE q.finished_at IS NOT NULL
    GROUP BY r.window_start
),

shown_window AS (
    SELECT
        h.window_start,
        h.quality_run_id,
        count(*) OVER () AS all_windows
    FROM held_window AS h
    ORDER BY h.window_start DESC
    LIMIT %(most)s
)

SELECT
    s.window_start,
    s.quality_run_id,
    s.all_windows,
    array(
        SELECT DISTINCT c.check_name
        FROM analytics.quality_check AS c
        WHERE
            c.quality_run_id = s.quality_run_id
            AND (c.status = 'errored' OR (c.status = 'failed' AND c.severity = 'critical'))
            AND coalesce(c.window_start, s.window_start) = s.window_start
        ORDER BY c.check_name
    ) AS holding_checks
FROM shown_window AS s
ORDER BY s.window_start DESC
