-- One row: the analytics run that begins. It checks the raw rows merged since the last run that was not blocked. The earliest of
-- these was received at received_from.
WITH opened_run AS (
    INSERT INTO analytics.quality_run (merged_from, merged_through, closed_before, started_at)
    SELECT
        coalesce(
            (
                SELECT q.merged_through
                FROM analytics.quality_run AS q
                WHERE q.verdict IN ('published', 'partly_blocked', 'nothing_due')
                ORDER BY q.quality_run_id DESC
                LIMIT 1
            ),
            0
        ) AS merged_from,
        coalesce((SELECT max(m.run_id) FROM staging.merge_run AS m), 0) AS merged_through,
        %(now)s AS closed_before,
        clock_timestamp() AS started_at
    RETURNING quality_run_id, merged_from, merged_through
)

SELECT
    r.quality_run_id,
    r.merged_from,
    r.merged_through,
    (
        SELECT coalesce(min(coalesce(m.earliest_at, '-infinity')), 'infinity')::text
        FROM staging.merge_run AS m
        WHERE m.run_id > r.merged_from AND m.run_id <= r.merged_through
    ) AS received_from
FROM opened_run AS r
