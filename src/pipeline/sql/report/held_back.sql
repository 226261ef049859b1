-- One row per held-back window, the newest first, up to a limit: the run and the checks that hold it back; all_windows counts all.
WITH shown_window AS (
    SELECT
        h.window_start,
        h.quality_run_id,
        count(*) OVER () AS all_windows
    FROM analytics.held_back_window AS h
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
            AND analytics.holds_back(c.status, c.severity)
            AND coalesce(c.window_start, s.window_start) = s.window_start
        ORDER BY c.check_name
    ) AS holding_checks
FROM shown_window AS s
ORDER BY s.window_start DESC
