-- One row per run of these, stream and measure: what was counted before the run, what was usual, and the limit.
SELECT
    h.quality_run_id,
    h.stream,
    h.measure,
    h.since,
    h.until,
    h.counted,
    h.received,
    h.usual,
    h.weeks,
    coalesce(h.fewest, h.most) AS bound,
    coalesce(h.counted < h.fewest OR h.counted > h.most, FALSE) AS is_unusual
FROM unnest(%(runs)s::bigint[]) AS r (quality_run_id)
INNER JOIN analytics.stream_habit AS h ON r.quality_run_id = h.quality_run_id
ORDER BY h.quality_run_id ASC, h.stream ASC, h.measure = 'received' DESC, h.measure ASC
