-- One row per day (UTC) in which a published window starts. It goes from day to day through the index.
WITH RECURSIVE day_begun AS (
    SELECT date_trunc('day', min(r.window_start), 'UTC') AS day_start
    FROM analytics.revenue_by_diagnosis AS r
    UNION ALL
    SELECT
        (
            SELECT date_trunc('day', min(r.window_start), 'UTC')
            FROM analytics.revenue_by_diagnosis AS r
            WHERE r.window_start >= d.day_start + interval '24 hours'
        ) AS day_start
    FROM day_begun AS d
    WHERE d.day_start IS NOT NULL
)

SELECT d.day_start
FROM day_begun AS d
WHERE d.day_start IS NOT NULL
ORDER BY d.day_start
