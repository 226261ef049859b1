-- One row per stretch of adjoining windows that one of these runs published or held back.
WITH run AS (
    SELECT q.*
    FROM unnest(%(runs)s::bigint[]) AS r (quality_run_id)
    INNER JOIN analytics.quality_run AS q ON r.quality_run_id = q.quality_run_id
),

stretch AS (
    SELECT
        r.quality_run_id,
        'published' AS what,
        unnest(r.published_windows) AS windows
    FROM run AS r
    UNION ALL
    SELECT
        r.quality_run_id,
        'held back' AS what,
        unnest(r.blocked_windows) AS windows
    FROM run AS r
)

SELECT
    s.quality_run_id,
    s.what,
    lower(s.windows) AS since,
    upper(s.windows) AS until,
    extract(EPOCH FROM upper(s.windows) - lower(s.windows))::bigint / extract(EPOCH FROM analytics.window_length())::bigint AS windows
FROM stretch AS s
ORDER BY s.quality_run_id, s.what, s.windows
