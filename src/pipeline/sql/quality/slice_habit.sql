-- One row per stream and measure: what was counted lately, and what is usual.
SELECT
    h.stream,
    h.measure,
    h.received,
    h.counted,
    h.weeks,
    h.usual,
    h.fewest,
    h.most
FROM analytics.stream_habit AS h
WHERE h.quality_run_id = %(quality_run_id)s
