-- One row per candidate that an earlier run blocked and this run computed again.
DELETE FROM analytics.revenue_candidate AS r
USING analytics.quality_run AS q
WHERE
    r.quality_run_id = q.quality_run_id
    AND q.verdict <> 'running'
    AND r.quality_run_id < %(quality_run_id)s
    AND EXISTS (
        SELECT FROM analytics.revenue_candidate AS newer
        WHERE newer.quality_run_id = %(quality_run_id)s AND newer.window_start = r.window_start
    )
