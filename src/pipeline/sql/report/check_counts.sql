-- One row per run with checks: how many checks passed, failed and errored.
-- If windows were checked one by one, the worst window counts.
WITH check_of_run AS (
    SELECT
        c.quality_run_id,
        bool_or(c.status = 'errored') AS is_errored,
        bool_or(c.status = 'failed') AS is_failed,
        bool_or(analytics.holds_back(c.status, c.severity)) AS holds_back
    FROM unnest(%(runs)s::bigint[]) AS r (quality_run_id)
    INNER JOIN analytics.quality_check AS c ON r.quality_run_id = c.quality_run_id
    GROUP BY c.quality_run_id, c.suite, c.check_name
)

SELECT
    c.quality_run_id,
    count(*) FILTER (WHERE c.is_errored) AS errored,
    count(*) FILTER (WHERE NOT c.is_errored AND c.holds_back) AS failed_critical,
    count(*) FILTER (WHERE c.is_failed AND NOT c.holds_back) AS failed_warning,
    count(*) FILTER (WHERE NOT c.is_errored AND NOT c.is_failed) AS passed
FROM check_of_run AS c
GROUP BY c.quality_run_id
ORDER BY c.quality_run_id
