-- One row per stream and measure: what was merged until the run began, and what is usual at this hour and weekday. (The linter takes the
-- parameters for columns.)
-- noqa: disable=RF02
INSERT INTO analytics.stream_habit
(quality_run_id, stream, measure, since, until, received, counted, weeks, usual, fewest, most)
SELECT
    q.quality_run_id,
    h.stream,
    h.measure,
    h.since,
    q.started_at AS until,
    h.received,
    h.counted,
    h.weeks,
    h.usual,
    h.fewest,
    h.most
FROM analytics.quality_run AS q
CROSS JOIN LATERAL analytics.compare_with_habit(q.started_at, %(zone)s) AS h
WHERE q.quality_run_id = %(quality_run_id)s
