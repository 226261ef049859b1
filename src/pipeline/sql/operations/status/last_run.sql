-- At most one row: the last analytics run that ended, with the counts of its checks by their worst result.
WITH last_run AS (
    SELECT
        q.quality_run_id,
        q.verdict,
        q.windows_published,
        q.windows_blocked,
        q.finished_at
    FROM analytics.quality_run AS q
    WHERE q.finished_at IS NOT NULL
    ORDER BY q.quality_run_id DESC
    LIMIT 1
),

check_of_run AS (
    SELECT
        c.suite,
        c.check_name,
        bool_and(c.status = 'passed') AS is_passed,
        bool_or(c.status = 'errored') AS is_errored
    FROM last_run AS r
    INNER JOIN analytics.quality_check AS c ON r.quality_run_id = c.quality_run_id
    GROUP BY c.suite, c.check_name
),

counted AS (
    SELECT
        count(*) FILTER (WHERE c.is_passed) AS checks_passed,
        count(*) FILTER (WHERE NOT c.is_passed AND NOT c.is_errored) AS checks_failed,
        count(*) FILTER (WHERE c.is_errored) AS checks_errored
    FROM check_of_run AS c
)

SELECT
    r.quality_run_id,
    r.verdict,
    r.windows_published,
    r.windows_blocked,
    c.checks_passed,
    c.checks_failed,
    c.checks_errored,
    r.finished_at
FROM last_run AS r
CROSS JOIN counted AS c
