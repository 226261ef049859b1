-- At most one row: the analytics run that is missed, and since when. None has ended for longer than some time (`patience`).
-- Whoever has just begun to watch waits for that time, too, because the whole office may have been stopped.
WITH last_run AS (
    SELECT max(newest.finished_at) AS ended_at
    FROM (
        SELECT q.finished_at
        FROM analytics.quality_run AS q
        WHERE q.finished_at IS NOT NULL
        ORDER BY q.quality_run_id DESC
        LIMIT 1
    ) AS newest
)

SELECT
    'analytics' AS subject,
    coalesce(r.ended_at, %(watching_since)s::timestamptz) AS began_at
FROM last_run AS r
WHERE
    coalesce(r.ended_at, '-infinity') <= %(now)s::timestamptz - %(patience)s::interval
    AND (
        %(watching_since)s::timestamptz <= %(now)s::timestamptz - %(patience)s::interval
        OR EXISTS (
            SELECT FROM analytics.trouble AS t
            WHERE t.kind = 'missed_run' AND t.ended_at IS NULL
        )
    )
